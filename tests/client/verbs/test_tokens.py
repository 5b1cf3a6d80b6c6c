"""tokens: scripts that need no login."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import fanfold_web.tokens.authorization
from fanfold_client.api import credentials
from fanfold_client.api.problems import NotAllowed
from fanfold_client.client import Client
from tests.client.services import People, Person


@pytest.fixture
def script(fanfold: Person, tmp_path: Path) -> dict[str, Any]:
    """The environment of a script that finds a token of the person's, and no login."""
    text = fanfold("tokens", "create", "script", "--expires", "1d").text.strip()
    return {"XDG_CONFIG_HOME": str(tmp_path), "FANFOLD_URL": fanfold.up.url, "FANFOLD_TOKEN": text}


def test_a_script_submits_without_a_login(fanfold: Person, script: dict[str, Any], tmp_path: Path):
    text = tmp_path / "a.txt"
    text.write_text("a b a\n")
    assert f"{fanfold.name} (submitter)" in fanfold("whoami", **script).text
    job = fanfold("submit", "wordcount", "--input", text, **script).text.strip()
    assert fanfold("status", job, "--json").json["owner"] == fanfold.name
    row = fanfold("tokens", "list").text.splitlines()[1].split()
    assert row[:2] == ["script", "submitter"] and "never" not in row


def test_it_is_printed_alone_and_once(fanfold: Person):
    done = fanfold("tokens", "create", "ci", "--role", "viewer")
    assert done.text.startswith("ffat_") and len(done.text.split()) == 1
    assert "not shown again" in done.stderr
    listed = fanfold("tokens", "list", "--json").json["items"][0]
    assert (listed["name"], listed["role"]) == ("ci", "viewer") and "token" not in listed
    left = datetime.fromisoformat(listed["expires"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)


def test_an_empty_list_says_so(fanfold: Person):
    done = fanfold("tokens", "list")
    assert (done.text, "You have no tokens" in done.stderr) == ("", True)
    assert fanfold("tokens", "list", "--json").json == {"items": []}


def test_revoked_it_opens_nothing(fanfold: Person, script: dict[str, Any]):
    assert fanfold("ls", **script)
    assert fanfold("tokens", "revoke", "script", "--json").json == {"name": "script"}
    refused = fanfold("ls", status=4, **script)
    assert "refuses FANFOLD_TOKEN" in refused.stderr and "was revoked" in refused.stderr
    assert "no API token 'script'" in fanfold("tokens", "revoke", "script", status=5).stderr


def test_a_mistyped_one_is_told(fanfold: Person, script: dict[str, Any]):
    refused = fanfold("ls", status=4, **script | {"FANFOLD_TOKEN": script["FANFOLD_TOKEN"][:-2]})
    assert "incomplete or mistyped" in refused.stderr


def test_it_makes_no_others_and_changes_no_account(fanfold: Person, script: dict[str, Any]):
    for words in (["tokens", "create", "more"], ["tokens", "revoke", "script"]):
        assert "log in" in fanfold(*words, status=4, **script).stderr
    asked = ["users", "password", fanfold.name, "--password-stdin"]
    assert "log in" in fanfold(*asked, status=4, stdin="any old one\nany new one\n", **script).stderr


@pytest.mark.parametrize("expires", ["soon", "90", "-1d", "1y"])
def test_a_length_of_time_has_a_unit(fanfold: Person, expires: str):
    assert "write 30m, 12h, 90d or 4w" in fanfold("tokens", "create", "x", f"--expires={expires}", status=3).stderr


def test_a_year_is_the_longest(fanfold: Person):
    assert "expires_in" in fanfold("tokens", "create", "x", "--expires", "367d", status=3).stderr


def test_a_client_in_python_exchanges_as_often_as_it_must(
    fanfold: Person, script: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    for name, value in script.items():
        monkeypatch.setenv(name, value)
    with Client() as client:
        assert client.me()["name"] == fanfold.name
        first = client.tokens.list()[0]
        assert first["name"] == "script" and first["last_used"]
        source = client._credentials
        assert isinstance(source, credentials.Exchanged)
        old = source.token()
        assert source.token() == old
        assert source.renew(old) != old
        assert source.renew(old) == source.token(), "another thread has renewed it already"
        fanfold("tokens", "revoke", "script")
        with pytest.raises(NotAllowed):
            source.renew(source.token())


@pytest.mark.thorough
def test_an_admin_sees_and_ends_others(make_person: People, fanfold: Person, script: dict[str, Any]):
    admin = make_person("admin")
    assert "script" in admin("tokens", "list", "--owner", fanfold.name).text
    admin("tokens", "revoke", "script", "--owner", fanfold.name)
    assert f"{fanfold.name} has no tokens" in admin("tokens", "list", "--owner", fanfold.name).stderr
    assert fanfold("tokens", "list", "--owner", admin.name, status=4).stderr
    assert fanfold("ls", status=4, **script)


def test_a_schedule_needs_a_login(fanfold: Person, script: dict[str, Any]):
    words = ["schedule", "add", "nightly", "--cron", "0 3 * * *", "--", "submit", "wordcount", "--input", "files:x/"]
    assert "log in" in fanfold(*words, status=4, **script).stderr


def test_both_sides_know_the_same_words():
    auth = fanfold_web.tokens.authorization
    assert (credentials.API_TOKEN_PREFIX, credentials.API_TOKEN_TYPE, credentials.TOKEN_EXCHANGE) == (
        auth.API_TOKEN_PREFIX,
        auth.API_TOKEN_TYPE,
        auth.TOKEN_EXCHANGE,
    )


def test_neither_service_takes_it_as_it_is(fanfold: Person, script: dict[str, Any]):
    for url in (fanfold.up.url, fanfold.up.auth_url):
        headers = {"Authorization": f"Bearer {script['FANFOLD_TOKEN']}"}
        refused = httpx.get(f"{url}/v1/me", headers=headers, trust_env=False)
        assert refused.status_code == 401 and "exchange it" in json.loads(refused.content)["detail"]
