"""The public keys for verifiers, and their rotation for admins."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from fanfold_auth.http.access import AdminInPerson, TheService
from fanfold_auth.http.fields import body, moment
from fanfold_auth.http.problems import refusals
from fanfold_auth.keys.keys import jwk
from fanfold_auth.refusals import RotationPending
from fanfold_web.http.openapi import headers
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Unauthenticated

router = APIRouter(route_class=ThreadedRoute, prefix="/v1", tags=["keys"])

_CACHE = "public, max-age=300"  # shorter than a new key is published before it signs
_CACHE_ENDED = "public, max-age=15"  # a token that has ended is refused everywhere within a minute


class JWK(BaseModel):
    """An RSA public key (RFC 7517)."""

    kty: Literal["RSA"]
    use: Literal["sig"]
    alg: Literal["RS256"]
    kid: str
    n: str
    e: str


class JWKS(BaseModel):
    """The keys that verify access tokens, and which tokens to refuse all the same."""

    model_config = body(
        {
            "keys": [
                {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "NzbLsXh8uDCc", "n": "0vx7agoebGcQ", "e": "AQAB"}
            ],
            "ended": ["9f2c41d07be86a35c1d4"],
        }
    )
    keys: list[JWK]
    ended: list[str] = Field(description="Tokens whose `stamp` is one of these have ended before they expire")


class Rotation(BaseModel):
    """The key that was published, and from when on it signs."""

    model_config = body({"kid": "NzbLsXh8uDCc", "signs_from": "2026-11-24T07:30:00Z"})
    kid: str
    signs_from: datetime


@router.get("/keys", summary="Public keys as JWKS", responses={200: headers("Cache-Control"), **refusals()})
def jwks(service: TheService, response: Response) -> JWKS:
    """The keys that verify access tokens (RFC 7517), including any that will sign soon.

    A verifier that asks every half minute also knows which tokens have ended: those of users who were disabled, demoted
    or removed, or whose password was changed.
    """
    response.headers["Cache-Control"] = _CACHE_ENDED
    keys = [JWK.model_validate(jwk(key)) for key in service.keys.published()]
    return JWKS(keys=keys, ended=service.ended.stamps())


@router.get(
    "/keys.pem",
    summary="Public keys as PEM",
    response_class=PlainTextResponse,
    responses={
        200: {
            "content": {"text/plain": {"example": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"}},
            **headers("Cache-Control"),
        },
        **refusals(),
    },
)
def pem(service: TheService) -> PlainTextResponse:
    """The same keys, one PEM block each, oldest first."""
    return PlainTextResponse("".join(key.public for key in service.keys.published()), headers={"Cache-Control": _CACHE})


@router.post(
    "/keys/rotate",
    status_code=201,
    summary="Rotate the signing key",
    responses=refusals(Unauthenticated, Forbidden, RotationPending, Contended),
)
def rotate(service: TheService, admin: AdminInPerson) -> Rotation:
    """Publish a new key. It signs once verifiers have had time to fetch it; the old one stays while its tokens live."""
    key = service.keys.rotate()
    return Rotation(kid=key.kid, signs_from=moment(key.signs_from))
