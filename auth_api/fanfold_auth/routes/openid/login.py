"""`/login`: the page that asks for name and password; and `/confirm`, for whoever is logged in already."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from fanfold_auth.accounts.users import is_name
from fanfold_auth.http.browser import Browser, TheBrowser
from fanfold_auth.http.forms import Form
from fanfold_auth.http.pages import PageRoute, Query, refused
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.refusals import Declined
from fanfold_auth.openid.requests import AuthorizationRequest
from fanfold_auth.pages.rendering import page
from fanfold_auth.refusals import Busy, Throttled, WrongPassword
from fanfold_auth.routes.openid.answers import declined, granted, login_page, see_other, to_login
from fanfold_auth.tokens.sessions import Session

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Purpose:
    """What a login is for: what its form sends along, and the application's request and the application, if any."""

    carried: dict[str, str]
    request: AuthorizationRequest | None = None
    client: Client | None = None


@router.get("/login")
def show_login(browser: TheBrowser, query: Query) -> Response:
    """The login page, for whatever sent the browser there."""
    purpose = _purpose(browser, query)
    hint = purpose.request.login_hint[:63] if purpose.request else ""
    return _page(browser, purpose, hint)


@router.post("/login")
def log_in(browser: TheBrowser, form: Form) -> Response:
    """A session for whoever types a name and their password, and on to what the login was for.

    Wrong passwords are counted, and hashing is queued, as for `/v1/login`.
    """
    browser.check_form("login", form)
    purpose = _purpose(browser, form)
    name = form.get("name", "").strip().casefold()[:63]  # phones write capitals and spaces
    browser.request.state.notes["user"] = name
    service = browser.service
    try:
        if not is_name(name):
            raise WrongPassword
        user = service.check_password(name, form.get("password", ""), browser.source.address)
    except (WrongPassword, Throttled, Busy) as refusal:
        return refused(browser.request, _page(browser, purpose, name, error=refusal.detail), refusal)
    seconds = service.settings.session_seconds
    session, cookie = service.sessions.start_browser(user, seconds, browser.source, browser.session)
    response = _onward(Browser(browser.request, service, session, user, browser.ticket), purpose)
    browser.log_in(response, cookie)
    return response


@router.post("/confirm")
def confirm(browser: TheBrowser, form: Form) -> Response:
    """What somebody who is logged in has decided about a program on their computer."""
    browser.check_form("confirm", form)
    sealed, session, decision = form.get("request", ""), browser.session, form.get("decision")
    request, client = browser.service.openid.requests.opened(sealed)
    if decision == "deny":
        refusal = Declined("access_denied", "The user has refused.")
        return declined(browser, request.redirect_uri, request.state, refusal)
    if decision != "allow" or session is None or not _is_recent(browser, request, session):
        return to_login(request=sealed)
    return _onward(browser, _Purpose({"request": sealed}, request, client))


def _purpose(browser: Browser, sent: dict[str, str]) -> _Purpose:
    """What a login page is for, by what was sent to it. Raises StalePage, BadAuthorization."""
    if sealed := sent.get("request", ""):
        request, client = browser.service.openid.requests.opened(sealed)
        return _Purpose({"request": sealed}, request, client)
    if sent.get("then") == "device":
        return _Purpose({name: sent[name] for name in ("then", "user_code") if name in sent})
    return _Purpose({})


def _page(browser: Browser, purpose: _Purpose, name: str, *, error: str = "") -> Response:
    leads_to = purpose.request.redirect_uri if purpose.request else ""
    return login_page(browser, purpose.carried, client=purpose.client, leads_to=leads_to, name=name, error=error)


def _onward(browser: Browser, purpose: _Purpose) -> Response:
    """What the login was for. The browser is logged in."""
    assert browser.session and browser.user
    if request := purpose.request:
        try:
            return granted(browser, request, browser.session, browser.user)
        except Declined as refusal:
            return declined(browser, request.redirect_uri, request.state, refusal)
    if purpose.carried.get("then") == "device":
        return see_other(f"device?{urlencode({'user_code': purpose.carried.get('user_code', '')[:20]})}")
    text = f"You are logged in as {browser.user.name}. You can close this page."
    return page("message", title="Logged in", text=text, wrong=False)


def _is_recent(browser: Browser, request: AuthorizationRequest, session: Session) -> bool:
    """Whether the login is as recent as the application has asked for."""
    return session.created >= request.asked or not request.wants_login(session.created, browser.service.now())
