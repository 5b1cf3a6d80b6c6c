"""Access tokens: JWTs as RFC 9068 has them, signed RS256, verified offline by whoever holds the JWKS.

The contract with verifiers such as submit_api, which know this service only by its JWKS (`GET /v1/keys`):

    header   typ  "at+jwt"; refuse anything else, or another kind of token becomes an access token
             alg  "RS256"; refuse anything else, whatever the header says
             kid  which key of the JWKS; never follow jku, x5u or an embedded jwk
    claims   iss  the issuer, exactly as configured
             aud  the audience, one string ("fanfold" unless configured otherwise)
             sub  the user's name: [a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?
             roles   list of "viewer", "submitter", "admin", as granted; each may do what the ones before it may
             groups  the same list, for those who look for groups
             client_id  who asked for it: "fanfold", the first-party login
             iat, nbf, exp  whole seconds; exp - iat is ten minutes unless configured otherwise
             jti  unique
    every one of these is there, of the stated type; a verifier requires them and lets clocks differ by a minute at most
"""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from fanfold_auth.errors import Unauthenticated
from fanfold_auth.keys import Keys
from fanfold_auth.settings import Settings

TYPE = "at+jwt"
CLIENT = "fanfold"
_HEADER = {"alg", "typ", "kid"}
_LONGEST = 8192  # bytes; a token of ours has about a thousand
_SKEW = 60

# Signatures alone: PyJWT's own claim checks read the clock themselves, and leave most claims out unless told.
_jws = jwt.PyJWS()


class Claims(BaseModel):
    """What a token says; strict, so that a number never passes for a name."""

    model_config = ConfigDict(strict=True, frozen=True)

    iss: str
    aud: str
    sub: str
    client_id: str
    roles: list[str]
    groups: list[str]
    iat: int
    nbf: int
    exp: int
    jti: str


class Tokens:
    """Issues and verifies the access tokens of one service."""

    def __init__(self, settings: Settings, keys: Keys, now: Callable[[], float] = time.time) -> None:
        self._settings, self._keys, self._now = settings, keys, now

    def issue(self, name: str, roles: Sequence[str]) -> str:
        """A token for a user who has just shown who they are."""
        kid, key = self._keys.signing()
        now = int(self._now())
        claims = Claims(
            iss=self._settings.issuer, aud=self._settings.audience, sub=name, client_id=CLIENT,
            roles=list(roles), groups=list(roles), iat=now, nbf=now, exp=now + self._settings.token_seconds,
            jti=secrets.token_urlsafe(16),
        )  # fmt: skip
        return _jws.encode(claims.model_dump_json().encode(), key, "RS256", {"typ": TYPE, "kid": kid})

    def verify(self, token: str) -> Claims:
        """What the token says, if it holds here and now. Raises Unauthenticated, which names the reason."""
        claims = self._signed(token)
        now = self._now()
        if claims.iss != self._settings.issuer:
            raise _refused("it was issued by somebody else")
        if claims.aud != self._settings.audience:
            raise _refused("it is meant for another service")
        if claims.exp + _SKEW <= now:
            raise _refused("it has expired")
        if max(claims.nbf, claims.iat) - _SKEW > now:
            raise _refused("it holds only later")
        return claims

    def _signed(self, token: str) -> Claims:
        if len(token) > _LONGEST:
            raise _refused("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            if header.keys() != _HEADER or header["typ"] != TYPE or header["alg"] != "RS256":
                raise _refused("its header is not that of an access token")
            key = self._keys.verifying(header["kid"])
            if key is None:
                raise _refused("its key is not one of ours")
            payload = _jws.decode_complete(token, key, ["RS256"])["payload"]
            return Claims.model_validate(json.loads(payload, object_pairs_hook=_unique))
        except (jwt.PyJWTError, ValidationError, ValueError, RecursionError) as error:
            raise _refused("it is malformed or its signature is wrong") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A claim given twice means one thing to one reader and another to the next."""
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("a claim is given twice")
    return claims


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The access token does not hold: {why}. Refresh it or log in again.", token_given=True)
