"""`/logout`: where an application sends its users to log out here, too (OpenID Connect RP-Initiated Logout 1.0).

An application that sends an ID token of whoever is logged in is believed. Anybody else might be another site that wants
to annoy, so the user is asked.
"""

from urllib.parse import urlencode

from fastapi import APIRouter, Response

from fanfold_auth.http.browser import Browser, TheBrowser
from fanfold_auth.http.forms import Form
from fanfold_auth.http.pages import PageRoute, Query
from fanfold_auth.openid.redirect_uris import matches, origin
from fanfold_auth.openid.refusals import BadAuthorization
from fanfold_auth.pages.rendering import page
from fanfold_auth.routes.openid.answers import see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_CARRIED = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


@router.get("/logout")
def show_logout(browser: TheBrowser, query: Query) -> Response:
    """Log out at once for an application that knows who is logged in; otherwise a page that asks."""
    target = _target(browser, query)
    if browser.session is None or browser.user is None:
        return _logged_out(target)
    if browser.service.openid.id_tokens.subject(query.get("id_token_hint", "")) == browser.user.id:
        return _log_out(browser, target, everywhere=False)
    carried = {name: query[name] for name in _CARRIED if name in query}
    response = page(
        "logout", leads_to=origin(target) if target else "", name=browser.user.name,
        csrf=browser.form_token("logout"), carried=carried,
    )  # fmt: skip
    browser.remember_ticket(response)
    return response


@router.post("/logout")
def log_out(browser: TheBrowser, form: Form) -> Response:
    """What the user has decided; or an application's request by POST, which is asked again by GET."""
    if "csrf" not in form:
        return see_other(f"logout?{urlencode(form)}")
    browser.check_form("logout", form)
    return _log_out(browser, _target(browser, form), everywhere=form.get("decision") == "everywhere")


def _log_out(browser: Browser, target: str, *, everywhere: bool) -> Response:
    if browser.session and browser.user:
        browser.service.sessions.drop(browser.session)
        if everywhere:
            browser.service.users.log_out(browser.user.name)
    response = _logged_out(target)
    browser.log_out(response)
    return response


def _logged_out(target: str) -> Response:
    if target:
        return see_other(target)
    return page("message", title="Logged out", text="You are logged out here.", wrong=False)


def _target(browser: Browser, query: dict[str, str]) -> str:
    """Where the application wants its users afterwards; empty: nowhere. Raises BadAuthorization: it mustn't."""
    uri, provider = query.get("post_logout_redirect_uri", ""), browser.service.openid
    if not uri:
        return ""
    named = {query.get("client_id"), provider.id_tokens.audience(query.get("id_token_hint", ""))} - {None}
    client = provider.clients.find(named.pop() or "") if len(named) == 1 else None
    if client is None or not matches(client.post_logout_redirect_uris, uri):
        raise BadAuthorization(
            f"The application has not registered that its users are sent to {uri[:200]!r} after they log out. Tell "
            "whoever runs it."
        )
    state = urlencode({"state": query["state"]}) if "state" in query else ""
    return f"{uri}{'&' if '?' in uri else '?'}{state}" if state else uri
