"""Getting tokens for a grant, and revoking them."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from fanfold_auth.accounts.users import User
from fanfold_auth.grants import redeem, required
from fanfold_auth.http.access import TheService
from fanfold_auth.http.fields import body
from fanfold_auth.http.forms import Form, documented_form
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import InvalidGrant, InvalidTokenRequest, UnsupportedGrant
from fanfold_auth.service import Service

router = APIRouter(prefix="/v1", tags=["sessions"])

_REFRESH_TOKEN = "6aZ2hJ0YkXvT1bQwE8rL3g.pD0n4Yt7sVfK2mXc9RzQ1bWgHj5uLaE8iOqS6yTvNxM"  # noqa: S105 (an example)


class TokenPair(BaseModel):
    """An access token, and the refresh token that gets the next one (RFC 6749 §5.1)."""

    model_config = body(
        {
            "access_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln",
            "token_type": "Bearer",
            "expires_in": 600,
            "refresh_token": _REFRESH_TOKEN,
        }
    )
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (a word of the protocol)
    expires_in: int
    refresh_token: str

    @classmethod
    def of(cls, service: Service, user: User, refresh_token: str) -> "TokenPair":
        """Issue an access token beside the refresh token."""
        access_token = service.tokens.issue(user)
        return cls(access_token=access_token, expires_in=service.settings.token_seconds, refresh_token=refresh_token)


@router.post(
    "/token",
    summary="Refresh",
    responses=refusals(InvalidTokenRequest, UnsupportedGrant, InvalidGrant),
    openapi_extra=documented_form(
        {"grant_type": "refresh_token", "refresh_token": _REFRESH_TOKEN}, "grant_type", "refresh_token"
    ),
)
def token(request: Request, service: TheService, form: Form) -> TokenPair:
    """New tokens for a refresh token, which is replaced.

    The same request within ten seconds gets the same refresh token; using a replaced token later ends the login.
    """
    user, refresh_token = redeem(service, form)
    request.state.notes["user"] = user.name
    return TokenPair.of(service, user, refresh_token)


@router.post(
    "/revoke",
    summary="Log out",
    response_class=Response,
    responses={200: {"description": "The login has ended, if there was one"}, **refusals(InvalidTokenRequest)},
    openapi_extra=documented_form({"token": _REFRESH_TOKEN}, "token"),
)
def revoke(service: TheService, form: Form) -> Response:
    """End the login that a refresh token belongs to (RFC 7009). Its access tokens expire within minutes."""
    service.refreshes.revoke(required(form, "token"))
    return Response()
