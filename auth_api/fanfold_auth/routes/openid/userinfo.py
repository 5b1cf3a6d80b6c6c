"""`/userinfo`: what an application may know about the user for whom it has a token (OpenID Connect Core §5.3)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from fanfold_auth.http.access import TheService, documented_bearer
from fanfold_auth.http.forms import form_of, is_form, optional_form
from fanfold_auth.http.problems import refusals
from fanfold_auth.openid.id_tokens import about
from fanfold_auth.openid.refusals import InsufficientScope
from fanfold_auth.refusals import InvalidTokenRequest
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Unauthenticated
from fanfold_web.tokens.authorization import bearer_token

router = APIRouter(route_class=ThreadedRoute, tags=["openid"])

_CLAIMS: dict[str, Any] = {
    "sub": "3f9d0c7a51e8b264d09f", "preferred_username": "ada", "groups": ["submitter"], "roles": ["submitter"],
}  # fmt: skip
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": _CLAIMS}}},
    **refusals(Unauthenticated, InsufficientScope),
}


async def _sent_token(request: Request, _: Annotated[object, Depends(documented_bearer)]) -> str:
    """The access token in the header, or in a form (RFC 6750 §2.1, §2.2); never in the URL."""
    if "authorization" not in request.headers and request.method == "POST" and is_form(request):
        return bearer_token(f"Bearer {(await form_of(request)).get('access_token', '')}")
    return bearer_token(request.headers.get("authorization"))


SentToken = Annotated[str, Depends(_sent_token)]


@router.get("/userinfo", summary="Claims about the user", responses=_ANSWERS)
def userinfo(request: Request, service: TheService, access_token: SentToken) -> dict[str, Any]:
    """The claims that the scopes of the access token permit reading, as they are now."""
    session, user = service.openid.reader_of_claims(access_token)
    request.state.notes.update(user=user.name, user_id=user.id, client_id=session.client)
    if "openid" not in session.scopes:
        raise InsufficientScope
    return about(user, session.scopes, session.claims)


@router.post(
    "/userinfo",
    summary="Claims about the user, by POST",
    responses={**_ANSWERS, **refusals(InvalidTokenRequest, Unauthenticated, InsufficientScope)},
    openapi_extra=optional_form(access_token="eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),  # noqa: S106 (an example)
)
def userinfo_by_post(request: Request, service: TheService, access_token: SentToken) -> dict[str, Any]:
    """The same; the token may be in the form."""
    return userinfo(request, service, access_token)
