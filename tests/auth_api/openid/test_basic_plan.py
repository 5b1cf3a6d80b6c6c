"""The modules of the OpenID Foundation's basic certification plan that a static client runs, each under its own name.

What each module wants is told in its test. Authlib is the application, over real HTTP.
"""

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.auth_api.openid.provider import CALLBACK, Application, Browser, Provider, query_of
from tests.auth_api.service import Clock

pytestmark = pytest.mark.thorough  # each of them starts a server


def claims_of(provider: Provider, tokens: dict[str, Any], **expected: Any) -> dict[str, Any]:
    """The claims of an ID token, checked with the keys that the provider publishes."""
    metadata = provider.metadata()
    keys = httpx.get(metadata["jwks_uri"], trust_env=False).json()
    needed = {name: {"essential": True, "value": value} for name, value in expected.items()}
    options: Any = {"iss": {"essential": True, "value": metadata["issuer"]}, "sub": {"essential": True}, **needed}
    token = jwt.decode(tokens["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"])
    jwt.JWTClaimsRegistry(now=int(provider.service.now()), **options).validate(token.claims)
    return dict(token.claims)


def error_of(answer: str) -> str:
    """The error that the application is told."""
    query = query_of(answer)
    assert "code" not in query and query["state"] == "the-state" and query["iss"], answer
    return query["error"]


def logs_in(application: Application, browser: Browser, **parameters: Any) -> dict[str, Any]:
    """The tokens of a login, of whatever kind."""
    tokens = application.tokens(browser.answer(application.start(**parameters)))
    claims_of(application.provider, tokens, aud=application.client.id)
    return tokens


def silent(application: Application, browser: Browser, **parameters: Any) -> str:
    """Where the browser is sent back to at once, without a page."""
    sent_back = browser.visit(application.start(**parameters))
    assert sent_back.status_code == 303, sent_back.text
    return str(sent_back.headers["location"])


def userinfo(application: Application, tokens: dict[str, Any]) -> dict[str, Any]:
    answer = application.userinfo(tokens["access_token"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_oidcc_server(provider: Provider, application: Application, browser: Browser) -> None:
    answer = browser.answer(application.start(nonce="n-0S6_WzA2Mj"))
    tokens = application.tokens(answer)
    claims = claims_of(provider, tokens, aud=application.client.id, nonce="n-0S6_WzA2Mj")
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (claims["groups"], claims["preferred_username"]) == (["admin"], "ada")
    assert claims["exp"] - claims["iat"] == 600 and claims["auth_time"] <= claims["iat"]
    assert tokens["scope"] == "openid profile" and tokens["token_type"] == "Bearer"
    raw = application.exchange(query_of(browser.visit(application.start()).headers["location"])["code"])
    assert (raw.headers["cache-control"], raw.headers["content-type"]) == ("no-store", "application/json")


def test_oidcc_response_type_missing(application: Application, browser: Browser) -> None:
    assert error_of(silent(application, browser, response_type=None)) == "invalid_request"
    assert error_of(silent(application, browser, response_type="token")) == "unsupported_response_type"


def test_oidcc_userinfo_get(application: Application, browser: Browser) -> None:
    tokens = logs_in(application, browser)
    told = userinfo(application, tokens)
    assert told["sub"] == claims_of(application.provider, tokens)["sub"]


def test_oidcc_userinfo_post_header(application: Application, browser: Browser) -> None:
    headers = {"Authorization": f"Bearer {logs_in(application, browser)['access_token']}"}
    answer = httpx.post(f"{application.provider.url}/userinfo", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["preferred_username"]) == (200, "ada")


def test_oidcc_userinfo_post_body(application: Application, browser: Browser) -> None:
    form = {"access_token": logs_in(application, browser)["access_token"]}
    answer = httpx.post(f"{application.provider.url}/userinfo", data=form, trust_env=False)
    assert (answer.status_code, answer.json()["preferred_username"]) == (200, "ada")


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(
    provider: Provider, application: Application, browser: Browser
) -> None:
    assert "nonce" not in claims_of(provider, logs_in(application, browser, nonce=None))


def test_oidcc_scope_profile(application: Application, browser: Browser) -> None:
    told = userinfo(application, logs_in(application, browser, scope="openid profile"))
    assert (told["name"], told["preferred_username"]) == ("ada", "ada")


def scope_without_claims(application: Application, browser: Browser, scope: str) -> None:
    """Users have no such thing here, so the claims are left out; the scope is granted all the same."""
    tokens = logs_in(application, browser, scope=f"openid {scope}")
    assert tokens["scope"] == f"openid {scope}"
    assert userinfo(application, tokens).keys() == {"sub", "preferred_username", "groups", "roles"}


def test_oidcc_scope_email(application: Application, browser: Browser) -> None:
    scope_without_claims(application, browser, "email")


def test_oidcc_scope_address(application: Application, browser: Browser) -> None:
    scope_without_claims(application, browser, "address")


def test_oidcc_scope_phone(application: Application, browser: Browser) -> None:
    scope_without_claims(application, browser, "phone")


def test_oidcc_scope_all(application: Application, browser: Browser) -> None:
    scope = "openid profile email address phone"
    tokens = logs_in(application, browser, scope=scope)
    assert tokens["scope"] == scope
    assert userinfo(application, tokens)["name"] == "ada"


def test_oidcc_alternate_happy_flow(application: Application, browser: Browser) -> None:
    """The scopes and parameters in another order."""
    assert "id_token" in logs_in(application, browser, scope="profile openid")


def test_oidcc_display_page(application: Application, browser: Browser) -> None:
    assert logs_in(application, browser, display="page")


def test_oidcc_display_popup(application: Application, browser: Browser) -> None:
    assert logs_in(application, browser, display="popup")


def test_oidcc_prompt_login(provider: Provider, application: Application, browser: Browser, clock: Clock) -> None:
    """Whoever is logged in has to do it again, and the later time is told."""
    first = claims_of(provider, logs_in(application, browser))
    clock.forward(2)
    second = claims_of(provider, logs_in(application, browser, prompt="login"))
    assert second["auth_time"] == first["auth_time"] + 2 and second["sub"] == first["sub"]


def test_oidcc_prompt_none_not_logged_in(application: Application, browser: Browser) -> None:
    assert error_of(silent(application, browser, prompt="none")) == "login_required"


def test_oidcc_prompt_none_logged_in(
    provider: Provider, application: Application, browser: Browser, clock: Clock
) -> None:
    first = claims_of(provider, logs_in(application, browser))
    clock.forward(2)
    second = claims_of(provider, application.tokens(silent(application, browser, prompt="none")))
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


def test_oidcc_max_age_1(provider: Provider, application: Application, browser: Browser, clock: Clock) -> None:
    first = claims_of(provider, logs_in(application, browser))
    clock.forward(2)
    assert error_of(silent(application, browser, max_age="1", prompt="none")) == "login_required"
    second = claims_of(provider, logs_in(application, browser, max_age="1"))
    assert second["auth_time"] == first["auth_time"] + 2


def test_oidcc_max_age_10000(provider: Provider, application: Application, browser: Browser, clock: Clock) -> None:
    first = claims_of(provider, logs_in(application, browser))
    clock.forward(2)
    second = claims_of(provider, application.tokens(silent(application, browser, max_age="10000")))
    assert second["auth_time"] == first["auth_time"]


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(application: Application, browser: Browser) -> None:
    assert logs_in(application, browser, extra="foobar")


def test_oidcc_id_token_hint(provider: Provider, application: Application, browser: Browser) -> None:
    """Silent for whom the hint is about, and an error for anybody else."""
    tokens = logs_in(application, browser)
    again = silent(application, browser, id_token_hint=tokens["id_token"], prompt="none")
    assert claims_of(provider, application.tokens(again))["sub"] == claims_of(provider, tokens)["sub"]
    with Browser(provider) as other:
        other.answer(application.start(), "bob")
        hinted = silent(application, other, id_token_hint=tokens["id_token"], prompt="none")
    assert error_of(hinted) == "login_required"


def test_oidcc_login_hint(application: Application, browser: Browser) -> None:
    shown = browser.visit(application.start(login_hint="bob"))
    assert 'name="name" value="bob"' in shown.text
    assert browser.submit(shown, name="bob", password="quite a long pass phrase").status_code == 303


def test_oidcc_ui_locales(application: Application, browser: Browser) -> None:
    assert logs_in(application, browser, ui_locales="se")


def test_oidcc_claims_locales(application: Application, browser: Browser) -> None:
    assert logs_in(application, browser, claims_locales="se")


def test_oidcc_ensure_request_with_acr_values_succeeds(application: Application, browser: Browser) -> None:
    assert logs_in(application, browser, acr_values="1 2")


def test_oidcc_codereuse(application: Application, browser: Browser) -> None:
    """Refused, and the access token of the first use has ended."""
    code = query_of(browser.answer(application.start()))["code"]
    first, second = application.exchange(code), application.exchange(code)
    assert first.status_code == 200
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert second.headers["content-type"] == "application/json"
    assert application.userinfo(first.json()["access_token"]).status_code == 401


def test_oidcc_codereuse_30seconds(application: Application, browser: Browser, clock: Clock) -> None:
    code = query_of(browser.answer(application.start()))["code"]
    first = application.exchange(code)
    clock.forward(30)
    second = application.exchange(code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert application.userinfo(first.json()["access_token"]).status_code == 401


def test_oidcc_ensure_registered_redirect_uri(application: Application, browser: Browser) -> None:
    """The user sees an error, and is sent nowhere."""
    shown = browser.visit(application.start(redirect_uri=f"{CALLBACK}/other"))
    assert (shown.status_code, "location" in shown.headers) == (400, False)
    assert "has not registered" in shown.text


def test_oidcc_ensure_post_request_succeeds(provider: Provider, application: Application, browser: Browser) -> None:
    form = query_of(application.start())
    shown = browser._follow(browser.post(f"{provider.url}/authorize", data=form))
    sent_back = browser.submit(shown, name="ada", password="quite a long pass phrase")
    assert application.tokens(sent_back.headers["location"])["id_token"]


def test_oidcc_server_client_secret_post(provider: Provider, browser: Browser) -> None:
    registered = provider.register("grafana")
    application = Application(provider, registered.client, registered.secret, "client_secret_post")
    assert logs_in(application, browser)


def unsigned(**claims: Any) -> str:
    """A request object without a signature."""
    parts = ({"alg": "none"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return f"{'.'.join(encoded)}."


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    application: Application, browser: Browser
) -> None:
    answer = silent(application, browser, request=unsigned(state="other", scope="openid"))
    assert error_of(answer) == "request_not_supported"
    by_reference = silent(application, browser, request_uri="https://app.example.org/request.jwt")
    assert error_of(by_reference) == "request_uri_not_supported"


def test_oidcc_claims_essential(application: Application, browser: Browser) -> None:
    """The claim is told, although its scope wasn't asked for."""
    wanted = json.dumps({"userinfo": {"name": {"essential": True}}})
    assert userinfo(application, logs_in(application, browser, scope="openid", claims=wanted))["name"] == "ada"


def test_oidcc_ensure_request_object_with_redirect_uri(application: Application, browser: Browser) -> None:
    """The redirect URI in the request object is another one, and isn't followed."""
    answer = silent(application, browser, request=unsigned(redirect_uri="https://evil.example.org/"))
    assert answer.startswith(f"{CALLBACK}?") and error_of(answer) == "request_not_supported"


def test_oidcc_refresh_token(provider: Provider, application: Application, browser: Browser) -> None:
    """A refresh token is bound to its client."""
    tokens = logs_in(application, browser, scope="openid offline_access")
    other = provider.register("other")
    with other.session() as session, pytest.raises(OAuthError, match="invalid_grant"):
        session.refresh_token(f"{provider.url}/token", refresh_token=tokens["refresh_token"])
    with application.session() as session:
        renewed = session.refresh_token(f"{provider.url}/token", refresh_token=tokens["refresh_token"])
    assert userinfo(application, renewed)["sub"] and renewed["refresh_token"] != tokens["refresh_token"]


def test_oidcc_ensure_request_with_valid_pkce_succeeds(application: Application, browser: Browser) -> None:
    assert application.client.pkce
    assert logs_in(application, browser)


MODULES = """
server response-type-missing userinfo-get userinfo-post-header userinfo-post-body
ensure-request-without-nonce-succeeds-for-code-flow scope-profile scope-email scope-address scope-phone scope-all
alternate-happy-flow display-page display-popup prompt-login prompt-none-not-logged-in prompt-none-logged-in max-age-1
max-age-10000 ensure-request-with-unknown-parameter-succeeds id-token-hint login-hint ui-locales claims-locales
ensure-request-with-acr-values-succeeds codereuse codereuse-30seconds ensure-registered-redirect-uri
ensure-post-request-succeeds server-client-secret-post
unsigned-request-object-supported-correctly-or-rejected-as-unsupported claims-essential
ensure-request-object-with-redirect-uri refresh-token ensure-request-with-valid-pkce-succeeds
"""


def test_every_module_of_the_plan_has_its_test() -> None:
    names = [f"test_oidcc_{module.replace('-', '_')}" for module in MODULES.split()]
    assert len(names) == 35 and [name for name in names if name not in globals()] == []
