"""What the pages promise to people and browsers, and the URLs by which both find the provider."""

import re
from typing import Any

import pytest

from fanfold_auth.openid.clients import Client
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import Source
from fanfold_storage.records.protocol import Records
from tests.auth_api.openid.provider import CALLBACK, form_of
from tests.auth_api.service import PASSWORD, Clock, Replica, start_replica

_SOURCE = Source("192.0.2.1", "a browser")
QUERY = f"client_id=argo-server&redirect_uri={CALLBACK}&response_type=code&scope=openid&state=x"


@pytest.fixture
def https(replica: Replica) -> Replica:
    """A service whose issuer is https://auth.example.org, behind a proxy that does TLS."""
    replica.service.openid.clients.add(Client("argo-server", (CALLBACK,), pkce=False))
    return replica


def test_cookies_over_tls_are_the_hosts_own(https: Replica) -> None:
    shown = https.http.get("/login")
    (ticket,) = shown.headers.get_list("set-cookie")
    assert ticket.startswith("__Host-fanfold-form=")
    form, action = form_of(shown)
    filled = form | {"name": "ada", "password": PASSWORD}
    headers = {"Cookie": ticket.partition(";")[0], "Origin": "https://auth.example.org"}
    answer = https.http.post(f"/{action}", data=filled, headers=headers)
    (session,) = answer.headers.get_list("set-cookie")
    assert session.startswith("__Host-fanfold-session=")
    for cookie in (ticket, session):
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert attributes == {"httponly", "path=/", "samesite=lax", "secure"}


def test_a_cookie_without_the_prefix_is_none(https: Replica) -> None:
    """A neighbour on the same domain can set such a one."""
    user = https.service.users.get("ada")
    _, cookie = https.service.sessions.start_browser(user, 60, _SOURCE, None)
    for name, status in (("__Host-fanfold-session", "code="), ("fanfold-session", "login_required")):
        answer = https.http.get(f"/authorize?{QUERY}&prompt=none", headers={"Cookie": f"{name}={cookie}"})
        assert status in answer.headers["location"]


def test_the_metadata_is_at_both_places(https: Replica) -> None:
    told = https.http.get("/.well-known/openid-configuration")
    assert told.json() == https.http.get("/.well-known/oauth-authorization-server").json()
    assert told.headers["content-type"] == "application/json"
    assert told.json()["issuer"] == "https://auth.example.org"
    keys = https.http.get("/v1/keys")
    assert told.json()["jwks_uri"] == "https://auth.example.org/v1/keys"
    assert keys.headers["content-type"] == "application/json" and keys.json()["keys"][0]["kid"]


@pytest.mark.parametrize("issuer", ["https://example.org/auth", "https://example.org/auth/", "https://example.org/a/b"])
def test_an_issuer_may_have_a_path(settings: Settings, records: Records, clock: Clock, issuer: str) -> None:
    """The proxy takes it away, or leaves it; both work, and RFC 8414's place before it does, too."""
    replica = start_replica(settings, records, clock, issuer=issuer)
    path = issuer.removeprefix("https://example.org").rstrip("/")
    places = ["/.well-known/openid-configuration", f"{path}/.well-known/openid-configuration"]
    if not issuer.endswith("/"):
        places += [f"/.well-known/oauth-authorization-server{path}", f"/.well-known/openid-configuration{path}"]
    for place in places:
        told = replica.http.get(place)
        assert (told.status_code, told.json()["issuer"]) == (200, issuer), place
    assert told.json()["token_endpoint"] == f"https://example.org{path}/token"
    assert replica.http.get("/.well-known/oauth-authorization-server/other").status_code == 404
    assert replica.http.get("/.well-known/other/auth").status_code == 404
    for prefix in ("", path):
        shown = replica.http.get(f"{prefix}/login")
        assert shown.status_code == 200 and form_of(shown)[1] == "login", "relative, so that it keeps the path"


def test_browsers_may_be_sent_elsewhere(settings: Settings, records: Records, clock: Clock) -> None:
    """The issuer is where pods reach the service; browsers may not be able to."""
    urls = {"issuer": "http://auth:1337", "public_url": "https://fanfold.example.org/auth"}
    replica = start_replica(settings, records, clock, **urls)
    told = replica.http.get("/.well-known/openid-configuration").json()
    for endpoint in ("authorization_endpoint", "end_session_endpoint"):
        assert told[endpoint].startswith("https://fanfold.example.org/auth/")
    for endpoint in ("token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert told[endpoint].startswith("http://auth:1337/")
    assert told["issuer"] == "http://auth:1337"
    assert replica.http.get("/login").headers["set-cookie"].startswith("__Host-")
    device = replica.http.post("/device_authorization", data={"client_id": "fanfold"}).json()
    assert device["verification_uri"] == "https://fanfold.example.org/auth/device"


def pages(replica: Replica) -> dict[str, Any]:
    """Each page, as whoever is logged in sees it, or nobody."""
    user = replica.service.users.get("ada")
    _, cookie = replica.service.sessions.start_browser(user, 60, _SOURCE, None)
    logged_in = {"Cookie": f"__Host-fanfold-session={cookie}"}
    command = "client_id=fanfold&redirect_uri=http://127.0.0.1:1/callback&response_type=code&code_challenge_method=S256"
    ask = f"/authorize?{command}&code_challenge={'a' * 43}"
    return {
        "login": replica.http.get("/login"), "error": replica.http.get("/authorize?client_id=x"),
        "logout": replica.http.get("/logout", headers=logged_in),
        "device": replica.http.get("/device", headers=logged_in),
        "confirm": replica.http.get(ask, headers=logged_in), "logged out": replica.http.get("/logout"),
    }  # fmt: skip


def test_pages_can_be_used_by_everybody(https: Replica) -> None:
    """By keyboard, with a screen reader, on a phone, in the dark."""
    for name, shown in pages(https).items():
        text = shown.text
        assert '<html lang="en">' in text and "width=device-width" in text and 'content="light dark"' in text, name
        assert len(re.findall("<h1>", text)) == 1 and re.search("<title>.+ – Fanfold</title>", text), name
        fields = re.findall(r'<input id="(\w+)"', text)
        assert fields == re.findall(r'<label for="(\w+)"', text), name
        assert "<button" in text or "<form" not in text, name
        assert not re.search(r"tabindex|onclick|href=\"#", text), name
    login = pages(https)["login"].text
    assert 'autocomplete="username"' in login and 'autocomplete="current-password"' in login
    assert login.count(" autofocus") == 1
    style = https.http.get("/pages.css")
    assert style.headers["content-type"].startswith("text/css") and "prefers-color-scheme: dark" in style.text
    assert ":focus-visible" in style.text
    assert https.http.get("/icon.svg").headers["content-type"] == "image/svg+xml"


def test_what_was_wrong_is_told_beside_the_field(https: Replica) -> None:
    shown = https.http.get("/login")
    ticket = shown.headers["set-cookie"].partition(";")[0]
    form, _ = form_of(shown)
    filled = form | {"name": " Ada ", "password": "wrong"}
    again = https.http.post("/login", data=filled, headers={"Cookie": ticket})
    assert again.status_code == 401 and '<p class="error" id="error" role="alert">' in again.text
    assert 'value="ada"' in again.text and again.text.count('aria-describedby="error"') == 2
    assert "<title>Error: Log in" in again.text
    right = https.http.post("/login", data=filled | {"password": PASSWORD}, headers={"Cookie": ticket})
    assert right.status_code == 200 and "logged in as ada" in right.text, "phones write capitals and spaces"


def test_nobodys_pages_are_kept(https: Replica) -> None:
    for name, shown in pages(https).items():
        assert shown.headers["cache-control"] == "no-store", name
