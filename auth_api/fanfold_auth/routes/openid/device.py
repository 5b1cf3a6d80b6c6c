"""`/device_authorization` for the command where there is no browser, and `/device` for whoever has one (RFC 8628)."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from fanfold_auth.http.access import TheService
from fanfold_auth.http.browser import Browser, TheBrowser
from fanfold_auth.http.fields import body
from fanfold_auth.http.forms import Form, documented_form
from fanfold_auth.http.oauth import OAuthRoute, client_of, oauth_refusals
from fanfold_auth.http.pages import PageRoute, Query, refused
from fanfold_auth.openid.devices import INTERVAL, SECONDS
from fanfold_auth.openid.refusals import InvalidClient, UnauthorizedClient, UnknownUserCode
from fanfold_auth.pages.rendering import page
from fanfold_auth.refusals import InvalidTokenRequest, Throttled
from fanfold_auth.routes.openid.answers import to_login
from fanfold_web.http.envelope import source
from fanfold_web.refusals import Contended

router = APIRouter(route_class=OAuthRoute, tags=["openid"])
pages = APIRouter(route_class=PageRoute, include_in_schema=False)


class DeviceAuthorization(BaseModel):
    """The codes of a device, and where its user types the short one (RFC 8628 §3.2)."""

    model_config = body(
        {
            "device_code": "6aZ2hJ0YkXvT1bQwE8rL3g.pD0n4Yt7sVfK2mXc9RzQ1bWgHj5uLaE8iOqS6yTvNxM",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://auth.example.org/device",
            "verification_uri_complete": "https://auth.example.org/device?user_code=WDJB-MJHT",
            "expires_in": 600,
            "interval": 5,
        }
    )
    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int = Field(description="Seconds for which the codes are valid")
    interval: int = Field(description="Seconds to wait between two requests for tokens")


@router.post(
    "/device_authorization",
    summary="Start a login without a browser",
    responses=oauth_refusals(InvalidTokenRequest, InvalidClient, UnauthorizedClient, Throttled, Contended),
    openapi_extra=documented_form({"client_id": "fanfold"}, "client_id"),
)
def authorize_device(request: Request, service: TheService, form: Form) -> DeviceAuthorization:
    """A code to show, and one to ask for tokens with at `/token`. Only for the command `fanfold`."""
    client, _ = client_of(request, service, form)
    if not client.is_first_party:
        raise UnauthorizedClient(f"The client {client.id!r} may not use this grant, which is the command's.")
    device_code, user_code = service.openid.devices.start(source(request.scope))
    where = f"{service.settings.browsers_url}/device"
    return DeviceAuthorization(
        device_code=device_code, user_code=user_code, verification_uri=where,
        verification_uri_complete=f"{where}?{urlencode({'user_code': user_code})}",
        expires_in=SECONDS, interval=INTERVAL,
    )  # fmt: skip


@pages.get("/device")
def show_device(browser: TheBrowser, query: Query) -> Response:
    """The page on which the code of a device is typed, for whoever is logged in."""
    typed = query.get("user_code", "")[:20]
    if browser.session is None:
        return to_login(then="device", user_code=typed)
    return _ask_for_code(browser, typed)


@pages.post("/device")
def decide_device(browser: TheBrowser, form: Form) -> Response:
    """First the code, then the decision about it."""
    browser.check_form("device", form)
    typed = form.get("user_code", "")[:100]
    if browser.session is None or browser.user is None:
        return to_login(then="device", user_code=typed)
    devices = browser.service.openid.devices
    try:
        shown = devices.guess(browser.user, typed)
        if "decision" not in form:
            return _ask_for_decision(browser, shown)
        allow = form["decision"] == "allow"
        devices.decide(browser.session, shown, allow=allow)
    except (UnknownUserCode, Throttled) as refusal:
        return refused(browser.request, _ask_for_code(browser, typed, refusal.detail), refusal)
    text = "You can close this page: the device goes on by itself." if allow else "The device gets nothing."
    return page("message", title="Logged in" if allow else "Refused", text=text, wrong=False)


def _ask_for_code(browser: Browser, typed: str, error: str = "") -> Response:
    response = page("device", typed=typed, error=error, csrf=browser.form_token("device"))
    browser.remember_ticket(response)
    return response


def _ask_for_decision(browser: Browser, shown: str) -> Response:
    assert browser.user
    return page(
        "confirm", name=browser.user.name, action="device", others=False,
        purpose=f"The device that shows {shown} wants to work as you, with the command fanfold.",
        warning="Continue only if you have just started this yourself. Nobody has a reason to send you such a code.",
        csrf=browser.form_token("device"), carried={"user_code": shown},
    )  # fmt: skip
