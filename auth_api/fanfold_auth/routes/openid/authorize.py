"""`/authorize`: where an application sends its users to log in (OpenID Connect Core §3.1.2)."""

from urllib.parse import urlencode

from fastapi import APIRouter, Response

from fanfold_auth.http.browser import Browser, TheBrowser
from fanfold_auth.http.forms import Form
from fanfold_auth.http.pages import PageRoute, Query
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.redirect_uris import origin
from fanfold_auth.openid.refusals import Declined
from fanfold_auth.openid.requests import AuthorizationRequest
from fanfold_auth.pages.rendering import page
from fanfold_auth.routes.openid.answers import declined, granted, see_other, to_login

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/authorize")
def authorize(browser: TheBrowser, parameters: Query) -> Response:
    """A code for the application, if the user is logged in; otherwise the way to the login page."""
    requests = browser.service.openid.requests
    client = requests.client_of(parameters)
    try:
        return _next(browser, client, requests.read(client, parameters))
    except Declined as refusal:
        return declined(browser, parameters["redirect_uri"], parameters.get("state"), refusal)


@router.post("/authorize")
def authorize_by_form(form: Form) -> Response:
    """The same for a form (§3.1.2.1). The browser asks again by GET, since it sends our cookie only with that."""
    return see_other(f"authorize?{urlencode(form)}")


def _next(browser: Browser, client: Client, request: AuthorizationRequest) -> Response:
    """The page that the request needs, or the answer to it. Raises Declined."""
    session, user = browser.session, browser.user
    now = browser.service.now()
    if (
        session is None
        or user is None
        or request.subject not in ("", user.id)
        or request.wants_login(session.created, now)
    ):
        if request.silent:
            raise Declined("login_required", "Nobody is logged in, or not the user or not as lately as was asked for.")
        return to_login(request=browser.service.openid.requests.sealed(request))
    if client.is_public:
        if request.silent:
            raise Declined("interaction_required", "The user has to confirm a program on their own computer.")
        return confirm_page(browser, request, user.name)
    return granted(browser, request, session, user)


def confirm_page(browser: Browser, request: AuthorizationRequest, name: str) -> Response:
    """Ask somebody who is logged in: any program on their computer can send them here, and pass for another one."""
    response = page(
        "confirm", leads_to=origin(request.redirect_uri), name=name, action="confirm", others=True,
        purpose=f"The program {request.client_id} on this computer wants to work as you.",
        warning="Continue only if you have just started it yourself.",
        csrf=browser.form_token("confirm"), carried={"request": browser.service.openid.requests.sealed(request)},
    )  # fmt: skip
    browser.remember_ticket(response)
    return response
