"""ID tokens and claims: what an application is told about a user (OpenID Connect Core §2, §5).

An ID token says `"typ": "JWT"`, and its audience is the client. So no service takes it for an access token, which says
`at+jwt` and names the services. There are no e-mail addresses, phone numbers and postal addresses of users here, so
those claims are left out, as the standard has it (§5.3.2).

iss, sub, aud, iat, exp   the issuer, the user's id, the client's id, and ten minutes unless configured otherwise
auth_time                 when the user last typed their password for this session
nonce                     the client's, if it sent one
at_hash                   the left half of the access token's SHA-256
amr                       ["pwd"]
preferred_username, groups, roles      the user's name, their roles and groups, their roles
name                      the user's name, for the scope profile
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Collection
from typing import Any

import jwt

from fanfold_auth.accounts.users import User
from fanfold_auth.keys.keys import Keys
from fanfold_auth.openid.codes import Code
from fanfold_auth.settings import Settings

TYPE, ALGORITHM = "JWT", "RS256"
CLAIMS = (
    "iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "at_hash", "amr",
    "preferred_username", "groups", "roles", "name",
)  # fmt: skip
_LONGEST = 8192

_jws = jwt.PyJWS()


class IdTokens:
    """The ID tokens of one issuer."""

    def __init__(self, settings: Settings, keys: Keys, now: Callable[[], float] = time.time) -> None:
        self._settings, self._keys, self._now = settings, keys, now

    def issue(self, code: Code, user: User, access_token: str) -> str:
        """The ID token that belongs to a code and to the access token beside it."""
        kid, key = self._keys.signing()
        now = int(self._now())
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "aud": code.client,
            "iat": now,
            "exp": now + self._settings.token_seconds,
            "auth_time": int(code.auth_time),
            "amr": ["pwd"],
            "at_hash": _left_half(access_token),
            **about(user, code.scopes, code.claims),
        }
        if code.nonce is not None:
            claims["nonce"] = code.nonce
        return _jws.encode(json.dumps(claims).encode(), key, ALGORITHM, {"typ": TYPE, "kid": kid})

    def subject(self, token: str) -> str | None:
        """The user's id in an ID token of ours, however old it is (it only hints at somebody); None: it isn't one."""
        claims = self._verified(token)
        return claims["sub"] if claims else None

    def audience(self, token: str) -> str | None:
        """The client for which an ID token of ours was issued; None: it isn't one."""
        claims = self._verified(token)
        return claims["aud"] if claims else None

    def _verified(self, token: str) -> dict[str, Any] | None:
        if len(token) > _LONGEST:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.verifying(header["kid"]) if header.keys() == {"typ", "alg", "kid"} else None
            if key is None or header["typ"] != TYPE:
                return None
            claims = json.loads(_jws.decode_complete(token, key, [ALGORITHM])["payload"])
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        named = all(isinstance(claims.get(name), str) for name in ("sub", "aud"))
        return claims if named and claims.get("iss") == self._settings.issuer else None


def about(user: User, scopes: Collection[str], asked: Collection[str] = ()) -> dict[str, Any]:
    """The claims about a user, for scopes and for claims that were asked for by name."""
    claims: dict[str, Any] = {
        "sub": user.id,
        "preferred_username": user.name,
        "groups": user.claimed_groups,
        "roles": list(user.roles),
    }
    if "profile" in scopes or "name" in asked:
        claims["name"] = user.name
    return claims


def _left_half(token: str) -> str:
    """`at_hash` (§3.1.3.6)."""
    digest = hashlib.sha256(token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
