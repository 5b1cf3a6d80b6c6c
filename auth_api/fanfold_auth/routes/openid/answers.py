"""What becomes of an authorization request: a page, or an answer that the browser takes to the application."""

from urllib.parse import urlencode, urlsplit

from fastapi import Response
from fastapi.responses import RedirectResponse

from fanfold_auth.accounts.users import User
from fanfold_auth.http.browser import Browser
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.redirect_uris import origin
from fanfold_auth.openid.refusals import Declined
from fanfold_auth.openid.requests import AuthorizationRequest
from fanfold_auth.pages.rendering import page
from fanfold_auth.tokens.sessions import Session


def granted(browser: Browser, request: AuthorizationRequest, session: Session, user: User) -> Response:
    """Send a code to the application. Raises Declined: it asked for somebody else."""
    if request.subject not in ("", user.id):
        raise Declined("login_required", "The application has asked for another user than the one who is logged in.")
    code = browser.service.openid.codes.issue(request, session)
    return to_application(browser, request.redirect_uri, request.state, code=code)


def declined(browser: Browser, redirect_uri: str, state: str | None, refusal: Declined) -> Response:
    """Tell the application why there is no code."""
    browser.request.state.notes.update(problem=refusal.error, why=refusal.description)
    description = "".join(c for c in refusal.description if " " <= c <= "~" and c not in '"\\')  # RFC 6749 §4.1.2.1
    return to_application(browser, redirect_uri, state, error=refusal.error, error_description=description)


def to_application(browser: Browser, redirect_uri: str, state: str | None, **answer: str) -> Response:
    """Send the browser back, with an answer that names its issuer (RFC 9207)."""
    named = {**answer, "iss": browser.service.settings.issuer} | ({} if state is None else {"state": state})
    separator = "&" if urlsplit(redirect_uri).query else "" if redirect_uri.endswith("?") else "?"
    return see_other(f"{redirect_uri}{separator}{urlencode(named)}")


def see_other(url: str) -> Response:
    """A redirect after which the browser sends no form again (RFC 9700 §4.12)."""
    return RedirectResponse(url, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def to_login(**carried: str) -> Response:
    """On to the login page."""
    return see_other(f"login?{urlencode(carried)}")


def login_page(
    browser: Browser, carried: dict[str, str], *, client: Client | None = None, leads_to: str = "",
    name: str = "", error: str = "",
) -> Response:  # fmt: skip
    """The page that asks for name and password. `carried` is what its form sends along."""
    purpose = f"to continue to {client.id}" if client else "to this service"
    if client and client.is_first_party:
        purpose = "to let the command fanfold on this computer work as you"
    response = page(
        "login", leads_to=origin(leads_to) if leads_to else "", purpose=f"Log in {purpose}.",
        csrf=browser.form_token("login"), carried=carried, name=name, error=error,
    )  # fmt: skip
    browser.remember_ticket(response)
    return response
