"""Logging in, refreshing, revoking, and who I am."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response

from fanfold_auth.access import AnyCaller, TheService
from fanfold_auth.bodies import TOKENS, Login, TokenPair, UserView
from fanfold_auth.errors import (
    Busy,
    Invalid,
    InvalidGrant,
    InvalidRequest,
    Throttled,
    Unauthenticated,
    UnsupportedGrant,
    WrongPassword,
)
from fanfold_auth.problems import refusals
from fanfold_auth.service import Service
from fanfold_auth.users import User
from fanfold_web.envelope import source

router = APIRouter(prefix="/v1", tags=["sessions"])

_FORM = "application/x-www-form-urlencoded"


def _form_schema(example: dict[str, str], *required: str) -> dict[str, Any]:
    properties = {name: {"type": "string", "example": value} for name, value in example.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"requestBody": {"required": True, "content": {_FORM: {"schema": schema, "example": example}}}}


async def _form(request: Request) -> dict[str, str]:
    """An OAuth request: form-encoded, no parameter twice (RFC 6749 §3.2), unknown ones ignored."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise InvalidRequest(f"The body must be form-encoded: send Content-Type: {_FORM}.")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise InvalidRequest("The body is not a form of at most 20 parameters: see /openapi.json.") from None
    if len(dict(pairs)) != len(pairs):
        raise InvalidRequest("A parameter is given twice: send each once.")
    return dict(pairs)


Form = Annotated[dict[str, str], Depends(_form)]


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise InvalidRequest(f"The parameter {name} is missing: send it in the form.")
    return form[name]


def _pair(service: Service, user: User, refresh_token: str) -> TokenPair:
    access_token = service.tokens.issue(user.name, user.roles)
    return TokenPair(access_token=access_token, expires_in=service.settings.token_seconds, refresh_token=refresh_token)


@router.post("/login", summary="Log in", responses=refusals(Invalid, WrongPassword, Throttled, Busy))
def login(request: Request, service: TheService, body: Login) -> TokenPair:
    """Tokens for a name and password: the first-party login of the command and of scripts.

    This is not an OAuth grant: RFC 9700 §2.4 bars the password grant, so no third party may collect passwords for it.
    """
    request.state.notes["user"] = body.name
    user = service.check_password(body.name, body.password.get_secret_value(), source(request.scope))
    return _pair(service, user, service.refreshes.start(user))


@router.post(
    "/token",
    summary="Refresh",
    responses=refusals(InvalidRequest, UnsupportedGrant, InvalidGrant),
    openapi_extra=_form_schema(
        {"grant_type": "refresh_token", "refresh_token": str(TOKENS["refresh_token"])}, "grant_type", "refresh_token"
    ),
)
def token(request: Request, service: TheService, form: Form) -> TokenPair:
    """New tokens for a refresh token, which is replaced.

    The same request again within ten seconds gets the same refresh token; later use of a replaced token ends the login.
    """
    grant_type = _required(form, "grant_type")
    if grant_type != "refresh_token":
        raise UnsupportedGrant(
            f"The grant type {grant_type[:40]!r} is not offered. Use refresh_token, or log in at /v1/login."
        )
    user, successor = service.refreshes.rotate(_required(form, "refresh_token"))
    request.state.notes["user"] = user.name
    return _pair(service, user, successor)


@router.post(
    "/revoke",
    summary="Log out",
    response_class=Response,
    responses={200: {"description": "The login is ended, if there was one"}, **refusals(InvalidRequest)},
    openapi_extra=_form_schema({"token": str(TOKENS["refresh_token"])}, "token"),
)
def revoke(service: TheService, form: Form) -> Response:
    """End the login that a refresh token belongs to (RFC 7009). Access tokens just expire, within minutes."""
    service.refreshes.revoke(_required(form, "token"))
    return Response()


@router.get("/me", summary="Who am I", responses=refusals(Unauthenticated))
def me(caller: AnyCaller) -> UserView:
    """The user that the token belongs to, as of now."""
    return UserView.of(caller.user)
