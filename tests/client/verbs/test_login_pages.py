"""login on the auth service's page, in this machine's browser or by a code; sessions, clients."""

import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from fanfold_client.api.problems import NotAllowed
from fanfold_client.login import device, loopback
from tests.auth_api.openid.provider import Browser, query_of
from tests.client.services import PASSWORD, People, Person

Show = Callable[[str], bool]


@pytest.fixture
def browser(fanfold: Person) -> Iterator[Browser]:
    with Browser(SimpleNamespace(url=fanfold.up.auth_url)) as browser:  # type: ignore[arg-type]
        yield browser


@pytest.fixture
def in_browser(browser: Browser, fanfold: Person) -> Iterator[Show]:
    """Opens a URL in the background, as a program that starts a browser does; the person logs in there."""
    threads = []

    def log_in(url: str) -> None:
        sent_back = browser.log_in(url, fanfold.name, PASSWORD)
        browser.get(sent_back.headers["location"])

    def show(url: str) -> bool:
        threads.append(threading.Thread(target=log_in, args=(url,)))
        threads[-1].start()
        return True

    yield show
    for thread in threads:
        thread.join(30)


def me(fanfold: Person, access_token: str) -> str:
    headers = {"Authorization": f"Bearer {access_token}"}
    return str(httpx.get(f"{fanfold.up.url}/v1/me", headers=headers, trust_env=False).json()["name"])


def test_at_a_terminal_it_opens_a_browser(
    fanfold: Person, in_browser: Show, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.get", lambda: None)
    monkeypatch.setattr("webbrowser.open", in_browser)
    new = Person(fanfold.name, tmp_path, fanfold.up)
    done = new("login", fanfold.up.url, "--json", typed="", DISPLAY=":0", SSH_CONNECTION="")
    assert done.json["user"] == fanfold.name
    assert "Log in in your browser" in done.stderr and fanfold.name in done.stderr
    assert new("whoami").text.startswith(fanfold.name)
    kinds = sorted(session["kind"] for session in new("sessions", "list", "--json").json["items"])
    assert kinds == ["browser", "command", "command"]


def test_the_code_is_of_no_use_without_the_verifier(fanfold: Person, browser: Browser, in_browser: Show) -> None:
    """Another program on the machine that sees the answer can do nothing with it."""
    stolen: list[httpx.Response] = []

    def show(url: str) -> bool:
        query = dict(parse_qsl(urlsplit(url).query))
        code = query_of(browser.log_in(url, fanfold.name, PASSWORD).headers["location"])["code"]
        for verifier in ({}, {"code_verifier": "a" * 43}):
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": query["redirect_uri"], **verifier}
            stolen.append(httpx.post(f"{fanfold.up.auth_url}/v1/token", data=form, trust_env=False))
        return in_browser(url.replace("&state", "&prompt=login&state"))

    tokens = loopback.log_in(fanfold.up.auth_url, show)
    assert [answer.json()["error"] for answer in stolen] == ["invalid_grant"] * 2
    assert tokens and me(fanfold, tokens.access) == fanfold.name


@pytest.mark.parametrize("changed", [{"state": "another"}, {"iss": "https://evil.example.org"}, {"code": ""}])
def test_an_answer_that_is_not_the_services_logs_nobody_in(fanfold: Person, changed: dict[str, str]) -> None:
    """Login CSRF and mix-up: the answer has to repeat what this process has sent, and to name the issuer."""

    def show(url: str) -> bool:
        query = dict(parse_qsl(urlsplit(url).query))
        answer = {"code": "x", "iss": fanfold.up.auth_url, "state": query["state"]} | changed
        target = f"{query['redirect_uri']}?{urlencode({name: text for name, text in answer.items() if text})}"
        threading.Thread(target=lambda: httpx.get(target, trust_env=False)).start()
        return True

    with pytest.raises(NotAllowed, match="nobody has logged in"):
        loopback.log_in(fanfold.up.auth_url, show, patience=1.5)


def test_who_refuses_in_the_browser_is_not_logged_in(fanfold: Person, browser: Browser) -> None:
    browser.log_in("login", fanfold.name, PASSWORD)

    def show(url: str) -> bool:
        sent_back = browser.submit(browser.visit(url), decision="deny")
        threading.Thread(target=lambda: browser.get(sent_back.headers["location"])).start()
        return True

    with pytest.raises(NotAllowed, match="The user has refused"):
        loopback.log_in(fanfold.up.auth_url, show)


def test_without_a_browser_a_code_is_typed_in_another_one(fanfold: Person, browser: Browser) -> None:
    told: list[str] = []
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            url, code = told
            shown = browser.log_in(url, fanfold.name, PASSWORD)
            asked = browser.submit(shown, user_code=code.lower().replace("-", " "))
            assert code in asked.text
            assert "Logged in" in browser.submit(asked, decision="allow").text

    tokens = device.log_in(fanfold.up.auth_url, lambda *words: told.extend(words), sleep)
    assert me(fanfold, tokens.access) == fanfold.name
    assert waits == [5, 5]


def test_who_refuses_the_code_is_not_logged_in(fanfold: Person, browser: Browser) -> None:
    told: list[str] = []

    def sleep(_: float) -> None:
        asked = browser.submit(browser.log_in(told[0], fanfold.name, PASSWORD), user_code=told[1])
        browser.submit(asked, decision="deny")

    with pytest.raises(NotAllowed, match="refused"):
        device.log_in(fanfold.up.auth_url, lambda *words: told.extend(words), sleep)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"BROWSER": "lynx"}, True),
        ({}, False),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "a"}, False),
    ],
)
def test_a_browser_opens_where_somebody_sees_it(
    variables: dict[str, str], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("webbrowser.get", lambda: None)
    assert loopback.has_browser() is found


def test_options_of_both_ways_do_not_go_together(fanfold: Person) -> None:
    assert "--no-browser logs in on a page" in fanfold("login", "--no-browser", "--user", "x", status=2).stderr


def test_sessions_are_ended_one_by_one_and_all_at_once(fanfold: Person, tmp_path: Any) -> None:
    other = Person(fanfold.name, tmp_path, fanfold.up)
    before = {session["id"] for session in fanfold("sessions", "list", "--json").json["items"]}
    other.login()
    listed = fanfold("sessions", "list", "--json").json["items"]
    (new,) = [session for session in listed if session["id"] not in before]
    assert (new["kind"], new["address"]) == ("command", "127.0.0.1") and new[
        "agent"
    ] == f"fanfold ({socket.gethostname()})"
    assert new["id"] in fanfold("sessions", "list").text
    fanfold("sessions", "end", new["id"])
    assert "run `fanfold login`" in other("sessions", "list", status=4).stderr
    assert fanfold("sessions", "list"), "its own login goes on"
    assert "no session" in fanfold("sessions", "end", new["id"], status=5).stderr
    assert "run `fanfold login`" in fanfold("sessions", "end", "--all").stderr
    fanfold("sessions", "list", status=4)


def test_what_to_end_is_said(fanfold: Person) -> None:
    for words in ([], ["0" * 20, "--all"]):
        assert "give the ID of a session" in fanfold("sessions", "end", *words, status=2).stderr


def test_admins_see_and_end_the_sessions_of_others(make_person: People, fanfold: Person) -> None:
    admin = make_person("admin")
    (session,) = admin("sessions", "list", "--owner", fanfold.name, "--json").json["items"]
    assert admin("sessions", "end", session["id"], "--owner", fanfold.name, "--json").json == {"ended": session["id"]}
    fanfold("sessions", "list", status=4)
    assert "has no sessions" in admin("sessions", "list", "--owner", fanfold.name).stderr


def test_nobody_else_does(make_person: People, fanfold: Person) -> None:
    other = make_person("submitter")
    assert "only see their own sessions" in other("sessions", "list", "--owner", fanfold.name, status=4).stderr
    other("sessions", "end", "--all", "--owner", fanfold.name, status=4)
    assert fanfold("whoami").text.startswith(fanfold.name)


def test_admins_register_applications(make_person: People, fanfold: Person) -> None:
    admin, name = make_person("admin"), f"app-{fanfold.name}"
    words = ["clients", "add", name, "--redirect-uri", "https://app.example.org/callback"]
    added = admin(*words)
    assert len(added.text.strip()) == 43 and "not shown again" in added.stderr
    assert "already" in admin(*words, status=5).stderr
    (listed,) = [one for one in admin("clients", "list", "--json").json["items"] if one["id"] == name]
    assert listed["pkce"] and not listed["public"] and "secret" not in listed
    assert name in admin("clients", "list").text
    assert admin("clients", "remove", name, "--yes", "--json").json == {"id": name}
    admin("clients", "remove", name, "--yes", status=5)
    fanfold(*words, status=4)
    unsafe = ["clients", "add", name, "--redirect-uri", "http://app.example.org/callback"]
    assert "is not safe" in admin(*unsafe, status=3).stderr
