"""users: accounts by the command."""

import fanfold_auth.users
from fanfold_client.credentials import NAME_PATTERN
from tests.client.services import PASSWORD, People, Person

OTHER = "another good password"


def test_the_life_of_an_account(make_person: People):
    admin = make_person("admin")
    name = f"{admin.name}-s"
    made = admin("users", "add", name, "--role", "viewer", "--password-stdin", "--json", stdin=f"{PASSWORD}\n").json
    assert (made["name"], made["roles"], made["disabled"]) == (name, ["viewer"], False)
    assert f"{name}  viewer  enabled" in " ".join(admin("users", "show", name).text.split("  ")).replace(" ", "  ")
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


def test_what_auth_api_refuses(make_person: People, fanfold: Person):
    admin = make_person("admin")
    assert "role admin" in fanfold("users", "list", status=4).stderr
    taken = admin("users", "add", fanfold.name, "--password-stdin", stdin=f"{PASSWORD}\n", status=5)
    assert "already" in taken.stderr
    weak = admin("users", "add", f"{fanfold.name}2", "--password-stdin", stdin="short\n", status=3)
    assert "Choose a longer one" in weak.stderr
    assert admin("users", "add", "x", "--role", "king", "--password-stdin", stdin="x\n", status=2).stderr


def test_a_new_key_is_published_before_it_signs(make_person: People):
    admin = make_person("admin")
    before = {key["kid"] for key in admin("keys", "list", "--json").json["keys"]}
    new = admin("keys", "rotate").text.strip()
    assert {key["kid"] for key in admin("keys", "list", "--json").json["keys"]} == before | {new}
    assert "Rotate again after that" in admin("keys", "rotate", status=5).stderr
    admin("whoami")


def test_removing_is_asked_about(make_person: People, fanfold: Person):
    admin = make_person("admin")
    done = admin("users", "remove", fanfold.name, typed="n\n", status=130)
    assert f"Remove {fanfold.name}?" in done.stderr
    assert "nobody can be asked here: say --yes" in admin("users", "remove", fanfold.name, status=2).stderr
    fanfold("whoami")


def test_a_password_is_not_asked_of_nobody(make_person: People):
    done = make_person("admin")("users", "add", "ada", status=2)
    assert "nobody can be asked here: say --password-stdin" in done.stderr


def test_a_name_that_cannot_be_is_explained_in_words(make_person: People):
    admin = make_person("admin")
    for words in (["users", "add", "Ada B"], ["login", "--user", "Ada B"]):
        done = admin(*words, "--password-stdin", stdin=f"{PASSWORD}\n", status=3)
        assert "'Ada B' is no user name: use 1 to 63 of a-z" in done.stderr
        assert "pattern" not in done.stderr


def test_names_are_what_auth_api_takes():
    assert NAME_PATTERN == fanfold_auth.users.NAME_PATTERN
