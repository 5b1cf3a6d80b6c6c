"""Logging in, and a login that several processes share."""

import fcntl
import json
import os
import re
import urllib.request
from pathlib import Path

import pytest

from fanfold_client.api.credentials import refresh
from fanfold_client.api.problems import NotAllowed
from tests.client.services import PASSWORD, People, Person, Up, get_json
from tests.waiting import poll


def change_tokens(person: Person, **fields: object) -> None:
    person.tokens.write_text(json.dumps(json.loads(person.tokens.read_text()) | fields))


def renewals_at(auth_url: str) -> int:
    """How many tokens the auth service has renewed."""
    with urllib.request.urlopen(f"{auth_url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    counted = [re.fullmatch(r"fanfold_auth_requests_total\{(.*)\} (.*)", line) for line in lines]
    wanted = ['method="POST"', 'route="/v1/token"', 'status="200"']
    return int(sum(float(found[2]) for found in counted if found and sorted(found[1].split(",")) == wanted))


def waiting_for(descriptor: int) -> set[int]:
    """The processes that wait for a lock on an open file (proc_locks(5))."""
    inode = os.fstat(descriptor).st_ino
    waiting = [line.split() for line in Path("/proc/locks").read_text().splitlines() if " -> " in line]
    return {int(words[5]) for words in waiting if int(words[6].rpartition(":")[2]) == inode}


@pytest.mark.thorough
def test_a_login_is_kept_privately(fanfold: Person):
    kept = [path for path in fanfold.home.rglob("*") if path.is_file()]
    assert {path.name for path in kept} == {"config.toml", "default.json", "default.lock"}
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert not any(PASSWORD in path.read_text() for path in kept)


def test_whoami(fanfold: Person):
    assert fanfold("whoami").text == f"{fanfold.name} (submitter) at {fanfold.up.url}\n"
    shown = fanfold("whoami", "--json").json
    assert shown.pop("id") not in {"", fanfold.name}
    assert shown == {
        "name": fanfold.name,
        "roles": ["submitter"],
        "groups": [],
        "url": fanfold.up.url,
        "auth_url": fanfold.up.auth_url,
    }


@pytest.mark.thorough
def test_processes_that_share_a_login_renew_it_once_and_keep_it(fanfold: Person):
    change_tokens(fanfold, expires=0)
    before, renewals = json.loads(fanfold.tokens.read_text()), renewals_at(fanfold.up.auth_url)
    with fanfold.tokens.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so that all have found the token spent before one may renew it
        together = [fanfold.spawn("whoami") for _ in range(5)]
        poll(lambda: {process.pid for process in together} <= waiting_for(lock.fileno()))
    ended = [(process.communicate(timeout=60), process.returncode) for process in together]
    assert [status for _, status in ended] == [0] * 5, ended
    after = json.loads(fanfold.tokens.read_text())
    assert after["refresh"] != before["refresh"]
    assert renewals_at(fanfold.up.auth_url) == renewals + 1
    change_tokens(fanfold, expires=0)
    fanfold("whoami")  # nobody used a spent token, so the login lives


def test_a_token_that_the_service_refuses_is_replaced(fanfold: Person):
    change_tokens(fanfold, access="no token at all")
    fanfold("whoami")
    assert json.loads(fanfold.tokens.read_text())["access"] != "no token at all"


def test_logout_ends_the_login_at_the_service_too(fanfold: Person):
    token = json.loads(fanfold.tokens.read_text())["refresh"]
    fanfold("logout")
    assert not fanfold.tokens.exists()
    with pytest.raises(NotAllowed, match="run `fanfold login`"):
        refresh(fanfold.up.auth_url, token)
    assert "not logged in" in fanfold("whoami", status=4).stderr
    assert "not logged in" in fanfold("logout", status=4).stderr


@pytest.mark.thorough
def test_a_login_that_was_ended_elsewhere(fanfold: Person, make_person: People):
    admin = make_person("admin")
    admin("users", "disable", fanfold.name)
    change_tokens(fanfold, expires=0)
    assert "has ended" in fanfold("whoami", status=4).stderr


def test_a_wrong_password_changes_nothing(fanfold: Person):
    wrong = fanfold("login", "--user", fanfold.name, "--password-stdin", stdin="wrong\n", status=4)
    assert "name or the password is wrong" in wrong.stderr
    fanfold("whoami")


@pytest.mark.thorough
def test_profiles_stand_side_by_side(fanfold: Person, make_person: People):
    other = make_person("viewer")
    words = ("login", fanfold.up.url, "--user", other.name, "--password-stdin", "--profile", "second", "--json")
    assert fanfold(*words, stdin=f"{PASSWORD}\n").json["profile"] == "second"
    assert other.name in fanfold("whoami", "--profile", "second").text
    assert fanfold.name in fanfold("whoami").text
    assert "profile third" in fanfold("whoami", "--profile", "third", status=4).stderr
    assert "is not a valid profile name" in fanfold("whoami", "--profile", "../x", status=3).stderr
    assert other.name in fanfold("whoami", FANFOLD_PROFILE="second").text


def test_a_new_profile_is_where_the_default_one_is(fanfold: Person):
    fanfold("login", "--user", fanfold.name, "--password-stdin", "--profile", "new", stdin=f"{PASSWORD}\n")
    assert fanfold.up.url in fanfold("whoami", "--profile", "new").text


def test_a_login_at_the_wrong_service_says_which_is_the_right_one(fanfold: Person):
    done = fanfold("login", fanfold.up.auth_url, "--user", "x", "--password-stdin", stdin="x\n", status=5)
    assert f"{fanfold.up.auth_url} is not a submit service" in done.stderr
    assert 'use the URL shown as "jobs and files"' in done.stderr


@pytest.mark.parametrize(("words", "option"), [([], "--user NAME"), (["--user", "admin"], "--password-stdin")])
def test_nobody_can_be_asked_to_log_in(fanfold: Person, words: list[str], option: str):
    assert f"no terminal to prompt on; use {option}" in fanfold("login", *words, status=2).stderr


def test_a_script_needs_no_login(fanfold: Person, tmp_path: Path):
    token = json.loads(fanfold.tokens.read_text())["access"]
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "FANFOLD_URL": fanfold.up.url, "FANFOLD_TOKEN": token}
    assert fanfold.name in fanfold("whoami", **environ).text
    assert "FANFOLD_TOKEN" in fanfold("whoami", status=4, **environ | {"FANFOLD_TOKEN": "made up"}).stderr
    assert "not logged in" in fanfold("whoami", status=4, **environ | {"FANFOLD_TOKEN": ""}).stderr


def test_tokens_never_go_to_another_url(fanfold: Person):
    assert "is logged in at" in fanfold("whoami", status=4, FANFOLD_URL="http://127.0.0.1:9").stderr


@pytest.mark.thorough
def test_a_service_that_is_away(fanfold: Person):
    done = fanfold("login", "http://127.0.0.1:9", "--user", "x", "--password-stdin", stdin="x\n", status=6)
    assert "http://127.0.0.1:9" in done.stderr
    assert "is the service running, and is the URL correct" in done.stderr


def test_a_config_that_is_broken(fanfold: Person):
    config = fanfold.home / "config" / "fanfold" / "config.toml"
    config.write_text("[profiles.default")
    assert f"{config} is not valid TOML" in fanfold("whoami", status=3).stderr
    config.write_text("[profiles.default]\nurl = 'http://x'\n")
    assert "must have url, auth_url and user" in fanfold("whoami", status=3).stderr


def test_about_is_open(up: Up):
    assert get_json(f"{up.url}/v1/about")["auth_url"] == up.auth_url
