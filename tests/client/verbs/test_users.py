"""users: accounts by the command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import fanfold_web.tokens.authorization
from fanfold_client.api.paths import NAME_PATTERN
from tests.client.services import PASSWORD, People, Person

OTHER = "another good password"


@pytest.mark.thorough
def test_the_life_of_an_account(make_person: People):
    admin = make_person("admin")
    name = f"{admin.name}-s"
    made = admin("users", "add", name, "--role", "viewer", "--password-stdin", "--json", stdin=f"{PASSWORD}\n").json
    assert (made["name"], made["roles"], made["disabled"]) == (name, ["viewer"], False)
    assert admin("users", "show", name).text.split()[-4:] == [name, "viewer", "-", "enabled"]
    assert admin("users", "grant", name, "submitter", "--json").json["roles"] == ["viewer", "submitter"]
    assert admin("users", "revoke", name, "viewer", "--json").json["roles"] == ["submitter"]
    assert admin("users", "disable", name, "--json").json["disabled"] is True
    assert admin("users", "enable", name, "--json").json["disabled"] is False
    assert name in {user["name"] for user in admin("users", "list", "--json").json["items"]}
    admin("users", "password", name, "--password-stdin", stdin=f"{OTHER}\n")
    person = Person(name, admin.home / "other", admin.up)
    assert person("login", admin.up.url, "--user", name, "--password-stdin", stdin=f"{PASSWORD}\n", status=4)
    assert person("login", admin.up.url, "--user", name, "--password-stdin", stdin=f"{OTHER}\n")
    admin("users", "remove", name, "--yes")
    assert "no user" in admin("users", "show", name, status=5).stderr


@pytest.mark.thorough
def test_what_auth_api_refuses(make_person: People, fanfold: Person):
    admin = make_person("admin")
    assert "role admin" in fanfold("users", "list", status=4).stderr
    taken = admin("users", "add", fanfold.name, "--password-stdin", stdin=f"{PASSWORD}\n", status=5)
    assert "already" in taken.stderr
    weak = admin("users", "add", f"{fanfold.name}2", "--password-stdin", stdin="short\n", status=3)
    assert "Choose a longer one" in weak.stderr
    assert admin("users", "add", "x", "--role", "king", "--password-stdin", stdin="x\n", status=2).stderr


Prompts = Callable[..., list[str]]


@pytest.fixture
def type_hidden(monkeypatch: pytest.MonkeyPatch) -> Prompts:
    """Types these answers where they aren't shown; returns the list of what is asked."""

    def answer(*answers: str) -> list[str]:
        questions: list[str] = []
        rest = iter(answers)

        def prompt(question: str) -> str:
            questions.append(question)
            return next(rest)

        monkeypatch.setattr("click.termui.hidden_prompt_func", prompt)
        return questions

    return answer


@pytest.mark.thorough
def test_your_own_password_needs_the_current_one(fanfold: Person):
    change, before = ("users", "password", fanfold.name, "--password-stdin"), fanfold.tokens.read_text()
    wrong = fanfold(*change, stdin=f"not it\n{OTHER}\n", status=4)
    assert "The name or the password is wrong" in wrong.stderr
    assert fanfold.tokens.read_text() == before, "the token wasn't what was wrong"
    token = {"FANFOLD_URL": fanfold.up.url, "FANFOLD_TOKEN": json.loads(before)["access"]}
    assert "unset it" in fanfold(*change, stdin=f"{PASSWORD}\n{OTHER}\n", status=4, **token).stderr
    done = fanfold(*change, "--json", stdin=f"{PASSWORD}\n{OTHER}\n")
    assert done.json == {"name": fanfold.name, "tokens": 0, "revoked": 0}
    assert fanfold("whoami"), "this login goes on, as after `fanfold passwd`"
    login = ("login", "--user", fanfold.name, "--password-stdin")
    assert fanfold(*login, stdin=f"{PASSWORD}\n", status=4)
    assert fanfold(*login, stdin=f"{OTHER}\n")


def test_at_a_terminal_the_current_password_is_typed_once_and_the_new_one_twice(fanfold: Person, type_hidden: Prompts):
    questions = type_hidden(PASSWORD, OTHER, "a slip", OTHER, OTHER)
    done = fanfold("users", "password", fanfold.name, typed="")
    current, new, again = f"Current password of {fanfold.name}: ", f"New password for {fanfold.name}: ", "Repeat for "
    assert [question.removesuffix("confirmation: ") for question in questions] == [current, new, again, new, again]
    assert "do not match" in done.stderr
    assert PASSWORD not in done.stderr + done.text


def test_passwd_ends_other_logins_and_goes_on_itself(fanfold: Person):
    other = Person(fanfold.name, fanfold.home / "other", fanfold.up)
    other.login()
    fanfold("tokens", "create", "ci")
    wrong = fanfold("passwd", "--password-stdin", stdin=f"not it\n{OTHER}\n", status=4)
    assert "The name or the password is wrong" in wrong.stderr
    assert other("ls")
    done = fanfold("passwd", "--password-stdin", "--json", stdin=f"{PASSWORD}\n{OTHER}\n")
    assert done.json == {"name": fanfold.name, "tokens": 1, "revoked": 0}
    assert "1 API token may still act for you" in done.stderr and "fanfold tokens revoke NAME ends it" in done.stderr
    assert fanfold("whoami"), "this login goes on"
    assert "has ended" in other("tokens", "list", status=4).stderr
    other("login", "--user", fanfold.name, "--password-stdin", stdin=f"{OTHER}\n")


def test_new_passwords_end_api_tokens_if_asked_to(make_person: People, fanfold: Person):
    admin = make_person("admin")
    for name in ("one", "two"):
        fanfold("tokens", "create", name)
    reset = ("users", "password", fanfold.name, "--password-stdin")
    kept = admin(*reset, stdin=f"{OTHER}\n")
    assert f"2 API tokens may still act for {fanfold.name}: fanfold tokens list --owner {fanfold.name}" in kept.stderr
    ended = admin(*reset, "--tokens", "--json", stdin=f"{PASSWORD}\n")
    assert ended.json == {"name": fanfold.name, "tokens": 0, "revoked": 2}
    assert admin("tokens", "list", "--owner", fanfold.name, "--json").json == {"items": []}
    fanfold("login", "--user", fanfold.name, "--password-stdin", stdin=f"{PASSWORD}\n")
    fanfold("tokens", "create", "three")
    done = fanfold("passwd", "--tokens", "--password-stdin", stdin=f"{PASSWORD}\n{OTHER}\n")
    assert "Revoked 1 API token." in done.stderr and "may still act" not in done.stderr


def test_passwd_asks_for_the_new_password_twice(fanfold: Person, type_hidden: Prompts):
    questions = type_hidden(PASSWORD, OTHER, "a slip", OTHER, OTHER)
    done = fanfold("passwd", typed="")
    assert len(questions) == 5 and questions[0].startswith("Current password")
    assert "do not match" in done.stderr and PASSWORD not in done.stderr
    assert "weak" not in done.stderr


def test_passwd_is_for_whoever_has_logged_in(fanfold: Person):
    token = {"FANFOLD_TOKEN": fanfold("tokens", "create", "ci").text.strip()}
    assert "unset it" in fanfold("passwd", "--password-stdin", stdin="a\nb\n", status=4, **token).stderr
    weak = fanfold("passwd", "--password-stdin", stdin=f"{PASSWORD}\nshort\n", status=3)
    assert "Choose a longer one" in weak.stderr


@pytest.mark.thorough
def test_guesses_of_the_old_password_are_slowed_down(fanfold: Person):
    for number in range(20):
        done = fanfold("passwd", "--password-stdin", stdin=f"guess {number} of it\n{OTHER}\n", status=None)
        if "Too many attempts" in done.stderr:
            return
    pytest.fail("nobody was slowed down")


@pytest.mark.thorough
def test_groups_by_the_command(make_person: People, fanfold: Person):
    admin, group = make_person("admin"), f"g-{fanfold.name}"
    added = admin("groups", "add", group, fanfold.name, admin.name, "--json").json["items"]
    assert [user["groups"] for user in added] == [[group], [group]]
    assert {"name": group, "members": 2} in admin("groups", "list", "--json").json["items"]
    assert admin("groups", "list", group).text.split() == ["NAME", *sorted([fanfold.name, admin.name])]
    assert group in admin("users", "show", fanfold.name).text
    admin("groups", "remove", group, fanfold.name, admin.name)
    assert "Nobody is in a group" in admin("groups", "list", group, status=5).stderr
    assert "not a group's name" in admin("groups", "add", "admin", fanfold.name, status=3).stderr
    assert "role admin" in fanfold("groups", "list", status=4).stderr


@pytest.mark.thorough
def test_a_new_group_does_not_inherit_silently_what_an_earlier_one_has_left(
    make_person: People, fanfold: Person, tmp_path: Path
):
    admin, group = make_person("admin"), f"h-{fanfold.name}"
    (tmp_path / "a.txt").write_text("left behind")
    admin("groups", "add", group, fanfold.name)
    admin("put", str(tmp_path / "a.txt"), f"files:@team/{group}/a.txt")
    admin("groups", "add", group, admin.name)  # it isn't new
    admin("groups", "remove", group, fanfold.name, admin.name)
    refused = admin("groups", "add", group, admin.name, status=3).stderr
    assert f"an earlier group {group} has left files" in refused and "jobs (" not in refused
    assert "Nobody is in a group" in admin("groups", "list", group, status=5).stderr
    admin("groups", "add", group, admin.name, "--inherit")
    admin("groups", "remove", group, admin.name)
    admin("rm", f"files:@team/{group}/a.txt")
    admin("groups", "add", group, admin.name)


@pytest.mark.thorough
def test_a_password_of_somebody_else_is_the_administrators(make_person: People, fanfold: Person, type_hidden: Prompts):
    other = make_person()
    change = ("users", "password", other.name)
    words = "may only change their own password"
    assert words in fanfold(*change, "--password-stdin", stdin=f"{OTHER}\n", status=4).stderr
    questions = type_hidden(OTHER, OTHER)
    done = make_person("admin")(*change, typed="")
    assert "Current password" not in "".join(questions) and len(questions) == 2
    assert "fanfold login" not in done.stderr, "it isn't the administrator's own login that has ended"


@pytest.mark.thorough
def test_a_new_key_is_published_before_it_signs(make_person: People):
    admin = make_person("admin")
    before = {key["kid"] for key in admin("keys", "list", "--json").json["keys"]}
    new = admin("keys", "rotate").text.strip()
    assert {key["kid"] for key in admin("keys", "list", "--json").json["keys"]} == before | {new}
    assert "Rotate again after that" in admin("keys", "rotate", status=5).stderr
    admin("whoami")


@pytest.mark.thorough
def test_removing_is_asked_about(make_person: People, fanfold: Person):
    admin = make_person("admin")
    done = admin("users", "remove", fanfold.name, typed="n\n", status=130)
    assert f"Remove user {fanfold.name}?" in done.stderr
    assert "no terminal to prompt on; use --yes" in admin("users", "remove", fanfold.name, status=2).stderr
    fanfold("whoami")


@pytest.mark.thorough
def test_a_removed_users_things_are_kept_or_deleted_and_never_the_next_ones(make_person: People):
    admin, kept, gone = make_person("admin"), make_person(), make_person()
    for person in (kept, gone):
        (person.home / "a.txt").write_text("a b a\n")
        person("put", person.home / "a.txt", "a.txt")
        person("submit", "wordcount", "--input", "files:a.txt", "--watch")
    ids = {person.name: admin("users", "show", person.name, "--json").json["id"] for person in (kept, gone)}
    said = admin("users", "remove", kept.name, typed="y\nkeep\n").stderr
    assert f"Files and jobs of {kept.name} (keep, delete)" in said and f"under the id {ids[kept.name]}" in said
    said = admin("users", "remove", gone.name, "--files", "delete", "--yes").stderr
    assert "deleted 1 of their files and 1 of their jobs" in said
    store = admin.up.data / "store"
    assert (store / "files" / ids[kept.name] / "a.txt").exists()
    assert not list((store / "files").glob(f"{ids[gone.name]}/*"))
    for person in (kept, gone):
        admin("users", "add", person.name, "--password-stdin", stdin=f"{PASSWORD}\n")
        person.login()
        assert person("ls", "files:").text == person("jobs").text == ""
    assert "exists" in admin("users", "clear", admin("whoami", "--json").json["id"], "--yes", status=2).stderr
    assert "Deleted files: 1, jobs: 1." in admin("users", "clear", ids[kept.name], "--yes").stderr
    assert not list((store / "files").glob(f"{ids[kept.name]}/*"))


def test_a_password_is_not_asked_of_nobody(make_person: People):
    done = make_person("admin")("users", "add", "ada", status=2)
    assert "no terminal to prompt on; use --password-stdin" in done.stderr


def test_a_name_that_cannot_be_is_explained_in_words(make_person: People):
    admin = make_person("admin")
    for words in (["users", "add", "Ada B"], ["login", "--user", "Ada B"]):
        done = admin(*words, "--password-stdin", stdin=f"{PASSWORD}\n", status=3)
        assert "'Ada B' is not a user name: use 1 to 63 of a-z" in done.stderr
        assert "pattern" not in done.stderr


def test_names_are_what_auth_api_takes():
    assert NAME_PATTERN == fanfold_web.tokens.authorization.NAME_PATTERN
