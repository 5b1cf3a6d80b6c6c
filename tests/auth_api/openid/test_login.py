"""One login from end to end."""

from tests.auth_api.openid.provider import CALLBACK, Application, Browser, Provider, query_of


def test_a_login(provider: Provider, application: Application, browser: Browser) -> None:
    answer = browser.answer(application.start(nonce="n-0S6"))
    assert answer.startswith(f"{CALLBACK}?")
    assert query_of(answer)["state"] == "the-state"
    assert query_of(answer)["iss"] == provider.url
    tokens = application.tokens(answer)
    assert tokens["token_type"] == "Bearer" and "refresh_token" not in tokens
    claims = application.userinfo(tokens["access_token"]).json()
    assert claims["preferred_username"] == "ada" and claims["groups"] == ["admin"]
