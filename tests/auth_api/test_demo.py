"""The demo's accounts: those of `fanfold up --demo` and of `fanfold deploy --demo`."""

import pytest

from fanfold_auth.__main__ import main
from fanfold_auth.accounts.demo import PASSWORD, create_accounts
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.accounts.users import Users
from fanfold_storage.urls import open_records


@pytest.fixture
def url(tmp_path, monkeypatch):
    records = f"sqlite://{tmp_path}/auth.db"
    monkeypatch.setenv("FANFOLD_AUTH_RECORDS", records)
    return records


def matches(users, name):
    with Hashing().turn() as argon:
        return argon.matches(users.get(name).password, PASSWORD)


def test_the_command_makes_them_once_and_prints_those_that_are_new(url, capsys):
    assert main(["demo"]) == 0
    assert capsys.readouterr().out == "guest\nadmin\n"
    users = Users(open_records(url))
    assert {user.name: user.roles for user in users.page().users} == {"guest": ("submitter",), "admin": ("admin",)}
    assert matches(users, "guest") and matches(users, "admin")
    assert main(["demo"]) == 0
    assert capsys.readouterr().out == ""


def test_an_admin_who_is_there_keeps_the_password(url):
    users = Users(open_records(url))
    users.create("admin", "correct horse battery", ["admin"])
    assert create_accounts(users) == ["guest"]
    assert not matches(users, "admin")
