"""What is asked where somebody sits: at a real terminal."""

import pytest

from tests.client.services import COMMAND, PASSWORD, People, Person
from tests.client.terminal import at_terminal

OTHER = "another good password"


@pytest.mark.thorough
def test_a_new_password_is_typed_twice_unseen(make_person: People):
    admin = make_person("admin")
    name = f"{admin.name}-t"
    question, again = f"Password for {name}: ", "Repeat for confirmation: "
    typed = [(question, PASSWORD), (again, OTHER), (question, OTHER), (again, OTHER)]
    left = at_terminal([*COMMAND, "users", "add", name], admin.environ, *typed)
    assert left.status == 0, left
    assert "do not match" in left.shown
    assert PASSWORD not in left.shown
    assert OTHER not in left.shown
    person = Person(name, admin.home / "other", admin.up)
    assert (
        at_terminal(
            [*COMMAND, "login", "--user", name, admin.up.url], person.environ, (f"Password of {name}: ", OTHER)
        ).status
        == 0
    )
    assert person("whoami").text.startswith(f"{name} (submitter)")


@pytest.mark.thorough
def test_a_password_that_is_changed_is_typed_twice_and_one_that_is_known_once(make_person: People, fanfold: Person):
    admin, asked = make_person("admin"), f"New password for {fanfold.name}: "
    words = [*COMMAND, "users", "password", fanfold.name]
    assert at_terminal(words, admin.environ, (asked, OTHER), ("Repeat for confirmation: ", OTHER)).status == 0
    login = [*COMMAND, "login", "--user", fanfold.name, fanfold.up.url]
    assert at_terminal(login, fanfold.environ, (f"Password of {fanfold.name}: ", PASSWORD)).status == 4
    left = at_terminal(login, fanfold.environ, (f"Password of {fanfold.name}: ", OTHER))
    assert left.status == 0
    assert "Repeat" not in left.shown


@pytest.mark.thorough
def test_tables_have_heads_wherever_they_go(make_person: People):
    admin = make_person("admin")
    left = at_terminal([*COMMAND, "users", "show", admin.name], admin.environ)
    for shown in (left.shown, admin("users", "show", admin.name).text):
        assert [line.split() for line in shown.splitlines()] == [
            ["NAME", "ROLES", "GROUPS", "STATE"],
            [admin.name, "admin", "-", "enabled"],
        ]


@pytest.mark.thorough
def test_what_goes_wrong_is_coloured_at_a_terminal_unless_it_may_not_be(make_person: People):
    admin = make_person("admin")
    words, environ = [*COMMAND, "users", "show", "nobody"], {**admin.environ, "TERM": "xterm"}
    environ.pop("NO_COLOR", None)
    assert "\x1b[31m" in at_terminal(words, environ).shown
    assert "\x1b[" not in at_terminal(words, environ | {"NO_COLOR": "1"}).shown
    assert "\x1b[" not in at_terminal(words, environ | {"TERM": "dumb"}).shown
