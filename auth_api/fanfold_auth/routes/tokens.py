"""Getting tokens for a grant, and revoking them."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from fanfold_auth.grants import TokenRequest, issue_access_token, redeem, required
from fanfold_auth.http.access import TheService
from fanfold_auth.http.browser import source_of
from fanfold_auth.http.fields import body
from fanfold_auth.http.forms import Form, documented_form
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import InvalidGrant, InvalidTokenRequest, UnsupportedGrant
from fanfold_auth.service import Service
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.tokens.authorization import API_TOKEN_TYPE, DELEGATION_TYPE, TOKEN_EXCHANGE

router = APIRouter(route_class=ThreadedRoute, prefix="/v1", tags=["sessions"])

_ACCESS_TOKEN_TYPE: Literal["urn:ietf:params:oauth:token-type:access_token"] = (
    "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 (RFC 8693's word)
)
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
    def of(cls, service: Service, access_token: str, refresh_token: str) -> "TokenPair":
        """Both, and how long the access token is valid."""
        return cls(access_token=access_token, expires_in=service.settings.token_seconds, refresh_token=refresh_token)


class ExchangedToken(BaseModel):
    """An access token for an API token or a delegation (RFC 8693 §2.2.1).

    That of a delegation says who the user is now, and opens nothing.
    """

    model_config = body(
        {
            "access_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln",
            "issued_token_type": _ACCESS_TOKEN_TYPE,
            "token_type": "Bearer",
            "expires_in": 600,
        }
    )
    access_token: str
    issued_token_type: Literal["urn:ietf:params:oauth:token-type:access_token"] = _ACCESS_TOKEN_TYPE
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (a word of the protocol)
    expires_in: int


_PAIR_OR_TOKEN: dict[str, Any] = {
    "content": {
        "application/json": {
            "examples": {
                model.__name__: {"value": model.model_config["json_schema_extra"]["examples"][0]}  # type: ignore[index]
                for model in (TokenPair, ExchangedToken)
            }
        }
    }
}


@router.post(
    "/token",
    summary="Refresh, or exchange a code, an API token or a delegation",
    responses={200: _PAIR_OR_TOKEN, **refusals(InvalidTokenRequest, UnsupportedGrant, InvalidGrant)},
    openapi_extra=documented_form(
        {"grant_type": "refresh_token", "refresh_token": _REFRESH_TOKEN},
        "grant_type",
        code="for grant_type authorization_code: the code that the command was sent",
        redirect_uri="then the URI to which it was sent",
        code_verifier="then what the code_challenge is the SHA-256 of",
        subject_token=f"for grant_type {TOKEN_EXCHANGE}: the API token or the delegation",
        subject_token_type=f"then {API_TOKEN_TYPE} or {DELEGATION_TYPE}",
    ),
)
def token(request: Request, service: TheService, form: Form) -> TokenPair | ExchangedToken:
    """New tokens for a refresh token, which is replaced, or for a code; an access token for an API token or delegation.

    The same request within ten seconds gets the same refresh token; using a replaced token later ends the login.
    """
    redeemed = redeem(service, TokenRequest(form, source=source_of(request)))
    request.state.notes["user"] = redeemed.user.name
    access_token = issue_access_token(service, redeemed)
    if redeemed.refresh_token is not None:
        return TokenPair.of(service, access_token, redeemed.refresh_token)
    return ExchangedToken(access_token=access_token, expires_in=service.tokens.seconds(redeemed.until))


@router.post(
    "/revoke",
    summary="Log out, or end an API token or a delegation",
    response_class=Response,
    responses={200: {"description": "The login has ended, if there was one"}, **refusals(InvalidTokenRequest)},
    openapi_extra=documented_form({"token": _REFRESH_TOKEN}, "token"),
)
def revoke(service: TheService, form: Form) -> Response:
    """End the login that a refresh token belongs to, an API token, or a delegation (RFC 7009).

    Access tokens expire soon; those that the API token was exchanged for end at once.
    """
    token = required(form, "token")
    service.refreshes.revoke(token)
    service.delegations.revoke(token)
    service.api_tokens.revoke(token)
    return Response()
