"""The public keys for verifiers, and their rotation for admins."""

from datetime import datetime

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from fanfold_auth.access import Admin, TheService
from fanfold_auth.bodies import JWK, JWKS, Rotation
from fanfold_auth.errors import Contended, Forbidden, RotationPending, Unauthenticated
from fanfold_auth.keys import jwk
from fanfold_auth.problems import refusals
from fanfold_web.clock import timestamp

router = APIRouter(prefix="/v1", tags=["keys"])

_CACHE = "public, max-age=300"  # shorter than a new key is published before it signs


@router.get("/keys", summary="Public keys as JWKS", responses=refusals())
def jwks(service: TheService, response: Response) -> JWKS:
    """The keys that verify access tokens (RFC 7517), those that will sign soon included."""
    response.headers["Cache-Control"] = _CACHE
    return JWKS(keys=[JWK.model_validate(jwk(key)) for key in service.keys.published()])


@router.get(
    "/keys.pem",
    summary="Public keys as PEM",
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {"example": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"}}},
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
def rotate(service: TheService, admin: Admin) -> Rotation:
    """Publish a new key. It signs once verifiers have had time to fetch it; the old one stays while its tokens live."""
    key = service.keys.rotate()
    return Rotation(kid=key.kid, signs_from=datetime.fromisoformat(timestamp(key.signs_from, "seconds")))
