"""`/token`: tokens for a grant, for clients that say who they are (RFC 6749 §3.2)."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from fanfold_auth.grants import TokenRequest, issue, redeem
from fanfold_auth.http.access import TheService
from fanfold_auth.http.browser import source_of
from fanfold_auth.http.fields import body
from fanfold_auth.http.forms import Form, documented_form
from fanfold_auth.http.oauth import OAuthRoute, client_of, oauth_refusals
from fanfold_auth.openid.refusals import InvalidClient, UnauthorizedClient
from fanfold_auth.refusals import InvalidGrant, InvalidTokenRequest, UnsupportedGrant

router = APIRouter(route_class=OAuthRoute, tags=["openid"])

EXAMPLE_CODE = "6aZ2hJ0YkXvT1bQwE8rL3g.pD0n4Yt7sVfK2mXc9RzQ1bWgHj5uLaE8iOqS6yTvNxM"


class TokenResponse(BaseModel):
    """What a grant yields (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3). What it doesn't yield is left out."""

    model_config = body(
        {
            "access_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln",
            "token_type": "Bearer",
            "expires_in": 600,
            "scope": "openid profile",
            "id_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6IkpXVCJ9.e30.c2ln",
        }
    )
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (a word of the protocol)
    expires_in: int
    scope: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None


@router.post(
    "/token",
    summary="Tokens for a client",
    response_model_exclude_none=True,
    responses=oauth_refusals(InvalidTokenRequest, UnsupportedGrant, InvalidGrant, InvalidClient, UnauthorizedClient),
    openapi_extra=documented_form(
        {
            "grant_type": "authorization_code",
            "code": EXAMPLE_CODE,
            "redirect_uri": "https://argo.example.org/oauth2/callback",
        },
        "grant_type",
        client_id="the client, unless it sends its id and secret by HTTP Basic",
        client_secret="its secret, if it has one and doesn't send it by HTTP Basic",  # noqa: S106
        code_verifier="what the code_challenge is the SHA-256 of, if there was one",
        refresh_token="for grant_type refresh_token",  # noqa: S106
    ),
)
def issue_tokens(request: Request, service: TheService, form: Form) -> TokenResponse:
    """Tokens for a code or a refresh token.

    A code is valid for a minute, once. The access token is for `/userinfo`; the command `fanfold`, which is a client
    too, gets one for the services.
    """
    client, method = client_of(request, service, form)
    redeemed = redeem(service, TokenRequest(form, client, method, source_of(request)))
    request.state.notes.update(user=redeemed.user.name, client_id=client.id)
    issued = issue(service, redeemed)
    return TokenResponse(
        access_token=issued.access_token,
        expires_in=service.settings.token_seconds,
        scope=" ".join(redeemed.scopes) or None,
        refresh_token=issued.refresh_token,
        id_token=issued.id_token,
    )
