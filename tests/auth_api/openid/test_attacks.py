"""Attacks on the provider: each is tried, and refused."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records
from tests.auth_api.openid.provider import CALLBACK, VERIFIER, Application, Browser, Provider, form_of, query_of, served
from tests.auth_api.service import PASSWORD, Clock
from tests.waiting import at_once

pytestmark = pytest.mark.thorough  # each of them starts a server


def code_for(application: Application, browser: Browser, **parameters: Any) -> str:
    return query_of(browser.answer(application.start(**parameters)))["code"]


def refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert "access_token" not in answer.json()


# Codes


def test_of_many_requests_with_one_code_at_once_one_gets_tokens(application: Application, browser: Browser) -> None:
    code = code_for(application, browser)
    answers = at_once(8, lambda _: application.exchange(code))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert application.userinfo(won.json()["access_token"]).status_code == 401, "it may be the thief's"


def test_a_code_that_is_used_again_ends_the_refresh_token(application: Application, browser: Browser) -> None:
    code = code_for(application, browser, scope="openid offline_access")
    tokens = application.exchange(code).json()
    refused(application.exchange(code))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(application.exchange(code, form={**form, "code": None, "redirect_uri": None, "code_verifier": None}))


def test_argos_second_try_with_the_secret_in_the_form_is_no_reuse(argo: Application, browser: Browser) -> None:
    """It sends the code by HTTP Basic, and again in the form if that fails, as golang.org/x/oauth2 does."""
    code = code_for(argo, browser)
    in_form = {"client_id": argo.client.id, "client_secret": argo.secret}
    refused(argo.exchange(code, auth=(argo.client.id, "wrong" * 10)), "invalid_client", 401)
    tokens = argo.exchange(code, auth=None, form=in_form)
    assert tokens.status_code == 200, tokens.text


def test_nor_is_it_one_if_the_first_answer_was_lost(argo: Application, browser: Browser, clock: Clock) -> None:
    code = code_for(argo, browser)
    in_form = {"client_id": argo.client.id, "client_secret": argo.secret}
    tokens = argo.exchange(code).json()
    refused(argo.exchange(code, auth=None, form=in_form))
    assert argo.userinfo(tokens["access_token"]).status_code == 200, "nobody has stolen it"
    clock.forward(11)
    refused(argo.exchange(code, auth=None, form=in_form))
    assert argo.userinfo(tokens["access_token"]).status_code == 401


def test_a_code_is_valid_for_a_minute(application: Application, browser: Browser, clock: Clock) -> None:
    code = code_for(application, browser)
    clock.forward(60)
    refused(application.exchange(code))


def test_a_code_is_of_no_use_to_another_client(provider: Provider, application: Application, browser: Browser) -> None:
    code = code_for(application, browser)
    refused(provider.register("other").exchange(code))
    assert application.exchange(code).status_code == 200, "the attempt doesn't use it up"


@pytest.mark.parametrize("verifier", [None, "", "a" * 43, VERIFIER + "x", VERIFIER.upper(), "a" * 200])
def test_a_code_needs_its_verifier(application: Application, browser: Browser, verifier: str | None) -> None:
    code = code_for(application, browser)
    refused(application.exchange(code, form={"code_verifier": verifier}))
    assert application.exchange(code).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"), ({"code_challenge": "a" * 44}, "invalid_request"),
    ],
)  # fmt: skip
def test_pkce_is_not_talked_away(
    application: Application, browser: Browser, parameters: dict[str, Any], error: str
) -> None:
    sent_back = browser.visit(application.start(**parameters))
    assert query_of(sent_back.headers["location"])["error"] == error


def test_a_verifier_without_a_challenge_is_refused(argo: Application, browser: Browser) -> None:
    """Somebody has taken the challenge out of the request on its way (RFC 9700 §4.8.2)."""
    refused(argo.exchange(code_for(argo, browser), form={"code_verifier": VERIFIER}))


def test_the_redirect_uri_of_the_token_request_is_that_of_the_code(application: Application, browser: Browser) -> None:
    code = code_for(application, browser)
    refused(application.exchange(code, form={"redirect_uri": f"{CALLBACK}/"}))
    refused(application.exchange(code, form={"redirect_uri": None}), "invalid_request")


@pytest.mark.parametrize("code", ["", "x", "a.b", "é", "%00", "a" * 5000, f"{'a' * 22}.{'b' * 43}"])
def test_codes_that_are_none(application: Application, code: str) -> None:
    answer = application.exchange(code)
    assert answer.status_code == 400 and answer.json()["error"] in ("invalid_grant", "invalid_request")


@pytest.mark.parametrize("how", ["disabled", "new password", "logged out", "removed client"])
def test_a_code_ends_with_what_it_rests_on(
    provider: Provider, application: Application, browser: Browser, how: str
) -> None:
    code = query_of(browser.answer(application.start(), "bob"))["code"]
    match how:
        case "disabled":
            provider.service.users.disable("bob")
        case "new password":
            provider.service.users.set_password("bob", "another long pass phrase")
        case "logged out":
            browser.submit(browser.visit("logout"), decision="here")
        case _:
            provider.service.openid.clients.remove(application.client.id)
    answer = application.exchange(code)
    assert answer.status_code == (401 if how == "removed client" else 400), answer.text


# Clients


def test_a_client_without_its_secret_is_none(argo: Application, browser: Browser) -> None:
    code = code_for(argo, browser)
    name = argo.client.id
    for auth, form in (
        ((name, ""), {}), ((name, "wrong"), {}), (("other", argo.secret), {}), (("fanfold", ""), {}),
        (None, {}), (None, {"client_id": name}), (None, {"client_id": name, "client_secret": "wrong"}),
        (None, {"client_id": name, "client_secret": argo.client.secret}), (None, {"client_id": "../argo-server"}),
    ):  # fmt: skip
        answer = argo.exchange(code, auth=auth, form={"client_id": None, **form})
        assert answer.status_code in (400, 401) and "access_token" not in answer.text, (auth, form)
        assert ("Basic" in answer.headers.get("www-authenticate", "")) == (
            auth is not None and answer.status_code == 401
        )
    assert argo.exchange(code).status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic YQ==", "Bearer x", "Basic /w==", f"Basic {'A' * 20000}"])
def test_headers_that_name_no_client(application: Application, header: str) -> None:
    answer = application.exchange("x", auth=None, headers={"Authorization": header})
    assert answer.status_code == 401 and answer.json()["error"] == "invalid_client"


def test_two_ways_at_once_are_refused(application: Application) -> None:
    refused(application.exchange("x", form={"client_secret": application.secret}), "invalid_request")
    refused(application.exchange("x", form={"client_id": "other"}), "invalid_request")


# Redirects


@pytest.mark.parametrize(
    "uri",
    [
        None, "", f"{CALLBACK}/", f"{CALLBACK}?x=1", f"{CALLBACK}#x", f"{CALLBACK}/../evil", CALLBACK.upper(),
        "https://app.example.org.evil.example/callback", "https://user@app.example.org/callback",
        "https://app.example.org:443/callback", "http://app.example.org/callback", "//app.example.org/callback",
        "https://evil.example.org/", "javascript:alert(1)", "https://app.example.org/callback%00",
        "https://app.example.org/%63allback", "\\\\evil.example.org", "/\\evil.example.org",
    ],
)  # fmt: skip
def test_only_the_registered_redirect_uri_is_followed(
    application: Application, browser: Browser, uri: str | None
) -> None:
    shown = browser.visit(application.start(redirect_uri=uri))
    assert (shown.status_code, "location" in shown.headers) == (400, False), shown.headers
    assert "<script" not in shown.text


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://127.0.0.1:8123/callback", True), ("http://[::1]:8123/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:8123/other", False), ("http://localhost:8123/callback", False),
        ("http://127.0.0.1:8123@evil.example.org/callback", False), ("https://127.0.0.1:8123/callback", False),
        ("http://127.0.0.1.evil.example.org:80/callback", False), ("http://127.0.0.2:80/callback", False),
    ],
)  # fmt: skip
def test_the_command_may_listen_on_any_port_of_loopback(
    provider: Provider, browser: Browser, uri: str, allowed: bool
) -> None:
    query = {"client_id": "fanfold", "redirect_uri": uri, "response_type": "code", "state": "s"}
    pkce = {"code_challenge": "a" * 43, "code_challenge_method": "S256"}
    shown = browser.visit(str(httpx.URL(f"{provider.url}/authorize", params=query | pkce)))
    assert (shown.status_code == 200) is allowed, shown.text


def test_a_parameter_that_is_sent_twice_is_refused(application: Application, browser: Browser) -> None:
    shown = browser.visit(f"{application.start()}&redirect_uri=https://evil.example.org/")
    assert (shown.status_code, "location" in shown.headers) == (400, False)


def test_a_forged_host_changes_no_url(settings: Settings, records: Records, clock: Clock) -> None:
    """On a cluster, where the service doesn't know by which names it is reached."""
    headers = {"Host": "evil.example.org", "X-Forwarded-Host": "evil.example.org"}
    with served(settings, records, clock, hosts=()) as provider:
        application = provider.register("grafana")
        for path in ("/.well-known/openid-configuration", urlsplit(application.start()).path, "/login"):
            answer = httpx.get(f"{provider.url}{path}", headers=headers, trust_env=False)
            assert answer.status_code != 421 and "evil.example.org" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("origin", ["https://app.example.org", "null"])
def test_an_applications_form_begins_a_login_and_a_logout(
    provider: Provider, application: Application, origin: str
) -> None:
    """From any origin, also where only a machine's own names are let in; a foreign host is not."""
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    for path, form in (("authorize", query_of(application.start())), ("logout", {"client_id": application.client.id})):
        answer = httpx.post(f"{provider.url}/{path}", data=form, headers=headers, trust_env=False)
        assert answer.status_code == 303 and answer.headers["location"].startswith(f"{path}?"), answer.text
        rebound = headers | {"Host": "evil.example.org"}
        assert httpx.post(f"{provider.url}/{path}", data=form, headers=rebound, trust_env=False).status_code == 421
    assert httpx.post(f"{provider.url}/login", data={}, headers=headers, trust_env=False).status_code == 421


def test_after_logging_out_only_registered_uris_are_followed(application: Application, browser: Browser) -> None:
    for target in ("https://evil.example.org/", f"{CALLBACK}", "https://app.example.org/#x"):
        query = {"client_id": application.client.id, "post_logout_redirect_uri": target}
        shown = browser.visit(str(httpx.URL(f"{application.provider.url}/logout", params=query)))
        assert (shown.status_code, "location" in shown.headers) == (400, False)


def test_every_answer_names_its_issuer(application: Application, browser: Browser) -> None:
    """Against mix-up (RFC 9207): a client of several providers can tell whose answer it is, errors included."""
    answers = [browser.answer(application.start()), browser.visit(application.start(prompt="x")).headers["location"]]
    assert [query_of(answer)["iss"] for answer in answers] == [application.provider.url] * 2
    assert application.provider.metadata()["authorization_response_iss_parameter_supported"]


# Tokens in the wrong place


def test_an_id_token_is_no_access_token(provider: Provider, application: Application, browser: Browser) -> None:
    tokens = application.tokens(browser.answer(application.start()))
    for token in (tokens["id_token"], tokens["access_token"]):
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("/v1/me", "/v1/users", "/v1/sessions"):
            assert httpx.get(f"{provider.url}{path}", headers=headers, trust_env=False).status_code == 401
    assert application.userinfo(tokens["id_token"]).status_code == 401


def test_the_services_tokens_read_no_claims(provider: Provider, application: Application) -> None:
    token = provider.service.tokens.issue(provider.service.users.get("ada"))
    answer = application.userinfo(token)
    assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "it is for another service" in answer.json()["detail"]


def test_without_openid_no_claims_are_told(application: Application, browser: Browser) -> None:
    tokens = application.tokens(browser.answer(application.start(scope="profile")))
    assert "id_token" not in tokens
    answer = application.userinfo(tokens["access_token"])
    assert (answer.status_code, "insufficient_scope" in answer.headers["www-authenticate"]) == (403, True)


@pytest.mark.parametrize("forged", ["alg none", "other user", "access token", "garbage"])
def test_a_forged_hint_is_refused(application: Application, browser: Browser, forged: str) -> None:
    tokens = application.tokens(browser.answer(application.start()))
    head, payload, signature = tokens["id_token"].split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"sub": "somebody"}
    other = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    hint = {
        "alg none": f"{none}.{payload}.", "other user": f"{head}.{other}.{signature}",
        "access token": tokens["access_token"], "garbage": "x.y",
    }[forged]  # fmt: skip
    sent_back = browser.visit(application.start(id_token_hint=hint))
    assert query_of(sent_back.headers["location"])["error"] == "invalid_request"


def test_a_refresh_asks_for_no_more(application: Application, browser: Browser) -> None:
    tokens = application.tokens(browser.answer(application.start(scope="openid offline_access")))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "scope": "openid profile groups"}
    renewed = application.exchange("", form={**form, "code": None, "redirect_uri": None, "code_verifier": None})
    assert renewed.json()["scope"] == "openid offline_access"
    assert "name" not in application.userinfo(renewed.json()["access_token"]).json()


@pytest.mark.parametrize("grant", ["urn:ietf:params:oauth:grant-type:token-exchange", "device_code", "password"])
def test_a_client_has_no_grants_but_its_own(application: Application, grant: str) -> None:
    answer = application.exchange("x", form={"grant_type": grant, "subject_token": "x", "device_code": "x"})
    assert answer.json()["error"] in ("unauthorized_client", "unsupported_grant_type")


# The login page


@pytest.fixture
def deployed(settings: Settings, records: Records, clock: Clock) -> Iterator[Provider]:
    """The provider as on a cluster: it doesn't know by which names it is reached, so only its forms defend it."""
    with served(settings, records, clock, hosts=()) as provider:
        provider.service.users.create("ada", PASSWORD, ["admin"])
        yield provider


def test_a_form_from_elsewhere_logs_nobody_in(deployed: Provider) -> None:
    """CSRF, and login CSRF: an attacker who makes a browser send the attacker's own name and password."""
    with Browser(deployed) as browser:
        _check_forms_from_elsewhere(deployed, deployed.register("grafana"), browser)


def _check_forms_from_elsewhere(provider: Provider, application: Application, browser: Browser) -> None:
    form, _ = form_of(browser.visit(application.start()))
    filled = form | {"name": "ada", "password": PASSWORD}
    own = {"Origin": provider.url, "Sec-Fetch-Site": "same-origin"}
    with Browser(provider) as attackers:
        stolen, _ = form_of(attackers.visit(application.start()))
    for content, headers in (
        (filled | {"csrf": ""}, own), (filled | {"csrf": stolen["csrf"]}, own), (filled | {"csrf": "é"}, own),
        (filled, own | {"Origin": "https://evil.example.org"}), (filled, own | {"Origin": "null"}),
        (filled, own | {"Sec-Fetch-Site": "cross-site"}), (filled, own | {"Sec-Fetch-Site": "same-site"}),
    ):  # fmt: skip
        answer = browser.post(f"{provider.url}/login", data=content, headers=headers)
        assert (answer.status_code, "fanfold-session" in str(browser.cookies)) == (403, False)
    without_cookies = httpx.post(f"{provider.url}/login", data=filled, headers=own, trust_env=False)
    assert without_cookies.status_code == 403


def test_a_program_that_sends_the_user_here_gets_nothing_by_itself(provider: Provider, browser: Browser) -> None:
    """Any program on the user's computer can pass for the command, so the user is asked though they are logged in."""
    browser.log_in("login")
    query = {
        "client_id": "fanfold", "redirect_uri": "http://127.0.0.1:8123/callback", "response_type": "code",
        "code_challenge": "a" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    url = str(httpx.URL(f"{provider.url}/authorize", params=query))
    shown = browser.visit(url)
    assert shown.status_code == 200 and "Continue only if you have just started it yourself" in shown.text
    silent = browser.visit(f"{url}&prompt=none")
    assert query_of(silent.headers["location"])["error"] == "interaction_required"
    form, action = form_of(shown)
    headers = {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "cross-site"}
    forged = browser.post(f"{provider.url}/{action}", data=form | {"decision": "allow"}, headers=headers)
    assert (forged.status_code, "location" in forged.headers) == (421, False)
    denied = browser.submit(shown, decision="deny")
    assert query_of(denied.headers["location"])["error"] == "access_denied"
    allowed = browser.submit(browser.visit(url), decision="allow")
    assert query_of(allowed.headers["location"])["code"]


def test_a_confirmation_does_not_stand_for_a_new_login(provider: Provider, browser: Browser, clock: Clock) -> None:
    """`prompt=login` is not got around with the form that asks whoever is logged in."""
    browser.log_in("login")
    clock.forward(5)
    query = {
        "client_id": "fanfold", "redirect_uri": "http://127.0.0.1:8123/callback", "response_type": "code",
        "code_challenge": "a" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    url = str(httpx.URL(f"{provider.url}/authorize", params=query))
    confirmed, action = form_of(browser.visit(url))
    sealed, _ = form_of(browser.visit(f"{url}&prompt=login"))
    headers = {"Origin": provider.url, "Sec-Fetch-Site": "same-origin"}
    form = confirmed | {"request": sealed["request"], "decision": "allow"}
    answer = browser.post(f"{provider.url}/{action}", data=form, headers=headers)
    assert answer.headers["location"].startswith("login?")


def test_no_page_can_be_framed_or_run_scripts(application: Application, browser: Browser) -> None:
    """Clickjacking; and a script that somebody gets into a page wouldn't run."""
    shown = [browser.visit(application.start()), browser.visit("login"), browser.visit("login?request=x")]
    browser.log_in("login")
    shown += [browser.visit("logout"), browser.visit("device")]
    for page in shown:
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'" and "script-src" not in policy
        assert policy["form-action"].split()[0] == "'self'" and "unsafe" not in str(policy)
        assert page.headers["x-frame-options"] == "DENY" and page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff" and page.headers["referrer-policy"] == "same-origin"
        assert not re.search(r"<script|<style|style=| on\w+=", page.text)
    assert shown[0].headers["content-security-policy"].count("https://app.example.org;") == 1


def test_a_new_login_has_a_new_cookie_and_ends_the_old_session(
    provider: Provider, application: Application, browser: Browser
) -> None:
    """Session fixation: a cookie from before the login stands for nobody afterwards."""
    browser.log_in("login", "bob")
    (name,) = [name for name in browser.cookies if "session" in name]
    planted = browser.cookies[name]
    browser.log_in(application.start(prompt="login"), "ada")
    assert browser.cookies[name] != planted
    with Browser(provider, cookies={name: planted}) as attackers:
        sent_back = attackers.visit(application.start(prompt="none"))
    assert query_of(sent_back.headers["location"])["error"] == "login_required"


@pytest.mark.parametrize("cookie", ["x", "a:b:c", "é", "bob:" + "0" * 20 + ":" + "A" * 43, "a" * 4000])
def test_forged_cookies_stand_for_nobody(provider: Provider, application: Application, cookie: str) -> None:
    name = f"fanfold-session-{urlsplit(provider.url).port}"
    headers = {b"Cookie": f"{name}={cookie}".encode()}
    answer = httpx.get(application.start(prompt="none"), headers=headers, trust_env=False)
    assert query_of(answer.headers["location"])["error"] == "login_required"


def test_a_cookie_needs_its_secret(provider: Provider, application: Application, browser: Browser) -> None:
    """Ids of sessions are listed, so they stand for nobody."""
    browser.log_in("login")
    (name,) = [name for name in browser.cookies if "session" in name]
    cookie = browser.cookies[name]
    forged = cookie[:-43] + "A" * 43
    answer = httpx.get(application.start(prompt="none"), headers={"Cookie": f"{name}={forged}"}, trust_env=False)
    assert query_of(answer.headers["location"])["error"] == "login_required"


def test_unknown_users_disabled_ones_and_wrong_passwords_look_the_same(
    provider: Provider, application: Application, browser: Browser
) -> None:
    provider.service.users.disable("bob")
    shown = [
        browser.log_in(application.start(), name, password)
        for name, password in (
            ("ada", "wrong " * 3),
            ("nobody", "wrong " * 3),
            ("bob", PASSWORD),
            ("Bad Name!", PASSWORD),
        )
    ]
    assert {page.status_code for page in shown} == {401}
    texts = {
        re.sub(r'name="name" value="[^"]*"|(value="[^"]*")|maxlength="63" autofocus', "", page.text) for page in shown
    }
    assert len(texts) == 1 and "The name or the password is wrong" in texts.pop()


def test_guesses_are_slowed_down_here_as_everywhere(provider: Provider, browser: Browser) -> None:
    for number in range(5):
        assert browser.log_in("login", "ada", f"wrong guess {number}").status_code == 401
    waiting = browser.log_in("login", "ada", "wrong guess 6")
    assert waiting.status_code == 429 and int(waiting.headers["retry-after"]) >= 1
    assert 'role="alert"' in waiting.text and "Try again in" in waiting.text
    login = httpx.post(f"{provider.url}/v1/login", json={"name": "ada", "password": PASSWORD}, trust_env=False)
    assert login.status_code == 429, "both ways count together"


def test_what_a_request_says_is_shown_as_text(application: Application, browser: Browser) -> None:
    nasty = '"><script>alert(1)</script>'
    shown = browser.visit(application.start(login_hint=nasty))
    assert "<script" not in shown.text and "&lt;script&gt;" in shown.text
    for parameters in ({"client_id": nasty}, {"redirect_uri": nasty}):
        assert "<script" not in browser.visit(application.start(**parameters)).text


def test_a_page_that_waited_too_long_says_so(application: Application, browser: Browser, clock: Clock) -> None:
    shown = browser.visit(application.start())
    clock.forward(901)
    answer = browser.submit(shown, name="ada", password=PASSWORD)
    assert answer.status_code == 400 and "waited too long" in answer.text


def test_a_request_in_the_page_cannot_be_changed(application: Application, browser: Browser) -> None:
    shown = browser.visit(application.start())
    sealed = form_of(shown)[0]["request"]
    for changed in (sealed[:-4] + "AAA=", sealed[4:], "x", "é" * 10, ""):
        answer = browser.submit(shown, request=changed, name="ada", password=PASSWORD)
        assert CALLBACK not in answer.headers.get("location", ""), changed


def test_silence_and_a_page_cannot_both_be_asked_for(application: Application, browser: Browser) -> None:
    sent_back = query_of(browser.visit(application.start(prompt="none login")).headers["location"])
    assert sent_back["error"] == "invalid_request"
    assert sent_back["error_description"] == "The prompt none can't be combined with another."


def test_what_is_sent_to_the_page_is_bounded(application: Application, browser: Browser) -> None:
    sent_back = browser.visit(application.start(state="a" * 1501))
    assert query_of(sent_back.headers["location"])["error"] == "invalid_request"
    many = {f"parameter{number}": "x" for number in range(60)}
    assert browser.visit(application.start(**many)).status_code == 400
    deep = browser.visit(application.start(claims="[" * 1400))
    assert query_of(deep.headers["location"])["error"] == "invalid_request"
    for claims in (
        "x",
        "[]",
        '{"userinfo": 1}',
        '{"id_token": {"sub": {"value": []}}}',
        '{"id_token": {"sub": {"value": 1}}}',
    ):
        answer = browser.visit(application.start(claims=claims))
        assert query_of(answer.headers["location"])["error"] == "invalid_request", claims


# Logging out


def test_another_site_cannot_log_the_user_out(provider: Provider, application: Application, browser: Browser) -> None:
    browser.log_in("login")
    asked = browser.visit("logout")
    assert "Log out everywhere" in asked.text
    headers = {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "cross-site"}
    browser.post(f"{provider.url}/logout", data={"csrf": "x"}, headers=headers)
    assert query_of(browser.visit(application.start(prompt="none")).headers["location"])["code"]


def test_an_application_that_knows_who_is_logged_in_logs_them_out(application: Application, browser: Browser) -> None:
    tokens = application.tokens(browser.answer(application.start()))
    query = {
        "id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://app.example.org/", "state": "s",
    }  # fmt: skip
    left = browser.visit(str(httpx.URL(f"{application.provider.url}/logout", params=query)))
    assert left.headers["location"] == "https://app.example.org/?state=s"
    assert query_of(browser.visit(application.start(prompt="none")).headers["location"])["error"] == "login_required"
    assert application.userinfo(tokens["access_token"]).status_code == 401


def test_logging_out_everywhere_ends_every_login(
    provider: Provider, application: Application, browser: Browser
) -> None:
    login = httpx.post(f"{provider.url}/v1/login", json={"name": "ada", "password": PASSWORD}, trust_env=False).json()
    tokens = application.tokens(browser.answer(application.start(scope="openid offline_access")))
    with Browser(provider) as other:
        other.log_in("login")
        browser.submit(browser.visit("logout"), decision="everywhere")
        assert query_of(other.visit(application.start(prompt="none")).headers["location"])["error"] == "login_required"
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    assert httpx.get(f"{provider.url}/v1/me", headers=headers, trust_env=False).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
    refused(httpx.post(f"{provider.url}/v1/token", data=form, trust_env=False))
    assert application.userinfo(tokens["access_token"]).status_code == 401
