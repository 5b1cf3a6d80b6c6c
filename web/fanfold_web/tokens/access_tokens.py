"""Access tokens: JWTs by RFC 9068, signed with RS256 by auth_api, and verified offline by every service with this code.

header   exactly these: typ "at+jwt", alg "RS256", and kid, which names a key of the JWKS (`GET /v1/keys`).
         Another `typ` would let another kind of token pass for an access token; `jku`, `x5u` and an embedded
         `jwk` would let a token bring its own key; `crit` would demand extensions that no service here supports.
claims   iss  the issuer, exactly as configured
         aud  the audience, one string ("fanfold" unless configured otherwise)
         sub  the user's id, which is never given to another user
         preferred_username  the user's name, which may be given to another user once this one is removed
         roles   list of "viewer", "submitter", "admin", as granted; each may do what the ones before it may
         groups  the same list, for verifiers that read groups, and then the groups that the user is in
         stamp   shared by a user's tokens until they are revoked; the JWKS lists the revoked stamps as `ended`
         client_id  the client that requested the token: "fanfold", the first-party login
         via     the stamp of the API token that it was exchanged for, which also ends it; not there after a login
         iat, nbf, exp  whole seconds; exp - iat is ten minutes unless configured otherwise
         jti  unique
All claims but `via` are required, and of the stated type. Clocks may differ by a minute.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from fanfold_web.refusals import Unauthenticated
from fanfold_web.tokens.authorization import NAME_PATTERN, SKEW

TYPE, ALGORITHM = "at+jwt", "RS256"
MOST_REMEMBERED = 2000  # tokens, of a kilobyte each

_HEADER = {"alg", "typ", "kid"}

# Signatures alone: PyJWT's own claim checks read the clock themselves, and skip most claims by default.
_jws = jwt.PyJWS()


class Claims(BaseModel):
    """The claims of a token; strict, so that a number never passes for a name."""

    model_config = ConfigDict(strict=True, frozen=True)

    iss: str
    aud: str
    sub: str
    preferred_username: str
    client_id: str
    roles: list[str]
    groups: list[str]
    stamp: str
    iat: int
    nbf: int
    exp: int
    jti: str
    via: str = ""

    @field_validator("sub", "preferred_username")
    @classmethod
    def _named(cls, text: str) -> str:
        if not re.fullmatch(NAME_PATTERN, text):
            raise ValueError("not a user's id or name")
        return text


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies the access tokens of one issuer for one audience. `find_key` returns the key with an id, or None.

    A client sends the same token for ten minutes, so valid signatures are cached by the token's hash, together with the
    key. Whatever may change meanwhile, such as the time and the key, is checked for every request.
    """

    issuer: str
    audience: str
    find_key: Callable[[str], RSAPublicKey | None]
    now: Callable[[], float]
    _verified: dict[bytes, tuple[str, RSAPublicKey, Claims]] = field(default_factory=dict, repr=False)

    def verify(self, token: str) -> Claims:
        """The token's claims, if it is valid here and now. Raises Unauthenticated, which names the reason."""
        return self._current(self._remembered(token, self.find_key) or self._signed(token))

    def recall(self, token: str, find_key: Callable[[str], RSAPublicKey | None]) -> Claims | None:
        """Like `verify` for a token whose signature has been verified before with the key that `find_key` returns.

        None for any other. So a caller that mustn't wait can give a `find_key` that doesn't.
        """
        claims = self._remembered(token, find_key)
        return self._current(claims) if claims else None

    def _current(self, claims: Claims) -> Claims:
        """The claims, if they hold here and now."""
        now = self.now()
        if claims.iss != self.issuer:
            raise invalid_token(f"it comes from another issuer, since its `iss` is not {self.issuer!r}")
        if claims.aud != self.audience:
            raise invalid_token(f"it is for another service, since its `aud` is not {self.audience!r}")
        if claims.exp + SKEW <= now:
            raise invalid_token("it has expired")
        if max(claims.nbf, claims.iat) - SKEW > now:
            raise invalid_token("it is not valid yet")
        return claims

    def _remembered(self, token: str, find_key: Callable[[str], RSAPublicKey | None]) -> Claims | None:
        """The claims of a token whose signature has been verified with the key that still has its id."""
        known = self._verified.get(_digest(token))
        return known[2] if known and find_key(known[0]) == known[1] else None

    def _signed(self, token: str) -> Claims:
        """The claims of a token whose signature is right, as far as they have the right types."""
        try:
            header = jwt.get_unverified_header(token)
            key = self._key(header)
            payload = _jws.decode_complete(token, key, [ALGORITHM])["payload"]
            claims = Claims.model_validate(json.loads(payload, object_pairs_hook=_unique))
        except ValidationError as error:
            wrong = error.errors()[0]
            raise invalid_token(f"its claim `{'.'.join(map(str, wrong['loc']))}`: {wrong['msg']}") from None
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise invalid_token(f"it is malformed or its signature is wrong ({error})") from None
        if len(self._verified) >= MOST_REMEMBERED:
            self._verified.clear()
        self._verified[_digest(token)] = header["kid"], key, claims
        return claims

    def _key(self, header: dict[str, Any]) -> RSAPublicKey:
        """The key that a token's header names. Raises Unauthenticated: it isn't a header as auth_api writes them."""
        if header.get("alg") != ALGORITHM:
            raise invalid_token(f"it is not signed with {ALGORITHM}")
        if header.get("typ") != TYPE:
            raise invalid_token(f"it is not an access token, since its `typ` is not {TYPE}")
        if header.keys() != _HEADER:
            raise invalid_token("its header has members other than alg, typ and kid, such as an extension or a key")
        key = self.find_key(header["kid"]) if isinstance(header["kid"], str) else None
        if key is None:
            raise invalid_token("the auth service does not publish the key that it is signed with")
        return key


def invalid_token(why: str) -> Unauthenticated:
    """The error for an invalid token, with the same wording in every service."""
    return Unauthenticated(f"The access token is not valid: {why[:300]}. Refresh it or log in again.", token_sent=True)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` for json. Parsers disagree on a claim that is given twice, so it is an error."""
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("a claim is given twice")
    return claims
