"""Who calls and what they may: bearer tokens, verified offline, and roles."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from jwt.exceptions import ExpiredSignatureError, InvalidAudienceError, InvalidIssuerError, InvalidTokenError

from fanfold_submit.keys import Keys, KeysAway
from fanfold_submit.kinds import AUTH_AWAY
from fanfold_submit.problems import Problem
from fanfold_submit.settings import Settings
from fanfold_web.kinds import FORBIDDEN, UNAUTHENTICATED

Role = Literal["viewer", "submitter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what the ones before it may
LONGEST_TOKEN = 8192
_ANEW = "Log in anew at the auth service that /v1/about names."
SKEW = 10.0  # seconds by which the clocks of the two services may differ

# A user's name is a path segment of their files, part of a record's key and a label of Kubernetes.
_NAME = re.compile("[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user a token stands for."""

    name: str
    roles: tuple[Role, ...]

    def may(self, role: Role) -> bool:
        """Whether one of the caller's roles is this one or above it."""
        return any(ROLES.index(own) >= ROLES.index(role) for own in self.roles)

    @property
    def is_admin(self) -> bool:
        """Whether the caller sees everybody's jobs."""
        return self.may("admin")


class Access:
    """Judges tokens by the auth service's keys alone."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.issuer
        self._audience = settings.audience
        self.keys = Keys(settings.jwks_url)

    def identify(self, authorization: str | None) -> Caller:
        """The user behind an Authorization header. Raises Problem (401, or 503 when no key can be had)."""
        if not authorization:
            raise _unauthenticated(UNAUTHENTICATED.example, "")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise _unauthenticated(f"The Authorization header must be 'Bearer TOKEN', at most {LONGEST_TOKEN} long.")
        claims = self._verified(token.strip())
        name, roles = claims["sub"], claims.get("roles", [])
        if not _NAME.fullmatch(name):
            raise _unauthenticated(f"The token is for no user of Fanfold: its `sub` is not a user's name. {_ANEW}")
        if not isinstance(roles, list):
            raise _unauthenticated(f"The token's `roles` is not a list. {_ANEW}")
        return Caller(name, tuple(role for role in ROLES if role in roles))

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = self._key(header)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuer,
                leeway=SKEW,
                options={"require": ["exp", "iat", "sub", "iss", "aud"], "strict_aud": False},
            )
        except ExpiredSignatureError:
            raise _unauthenticated("The token has expired: refresh it or log in again.") from None
        except InvalidAudienceError:
            raise _unauthenticated(
                f"The token is for another service: `aud` is not {self._audience!r}. {_ANEW}"
            ) from None
        except InvalidIssuerError:
            raise _unauthenticated(f"The token is from elsewhere: its `iss` is not {self._issuer!r}. {_ANEW}") from None
        except InvalidTokenError as error:
            raise _unauthenticated(f"The token does not hold: {error}. {_ANEW}") from None
        return claims

    def _key(self, header: dict[str, Any]) -> Any:
        """The key a token's header names, if the header is one of ours; nothing else in it is believed."""
        if header.get("alg") != "RS256":
            raise _unauthenticated(f"The token is not signed with RS256. {_ANEW}")
        if str(header.get("typ", "")).lower().removeprefix("application/") != "at+jwt":
            raise _unauthenticated(f"The token is no access token: its `typ` is not at+jwt. {_ANEW}")
        if "crit" in header:
            raise _unauthenticated(f"The token demands extensions that this service does not know. {_ANEW}")
        kid = header.get("kid")
        try:
            key = self.keys.find(kid) if isinstance(kid, str) else None
        except KeysAway:
            raise Problem(AUTH_AWAY, AUTH_AWAY.example, headers={"Retry-After": "2"}) from None
        if key is None:
            raise _unauthenticated(f"The token is signed with a key that the auth service does not publish. {_ANEW}")
        return key


def _unauthenticated(detail: str, error: str = ', error="invalid_token"') -> Problem:
    """A 401 with the challenge of RFC 6750 §3, which names an error only when a token was sent."""
    return Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": f'Bearer realm="fanfold"{error}'})


_bearer = HTTPBearer(auto_error=False, description="An access token from the auth service")


def _require(role: Role) -> Callable[..., Caller]:
    def caller(request: Request, _: Annotated[object, Depends(_bearer)]) -> Caller:
        access: Access = request.app.state.service.access
        found = access.identify(request.headers.get("Authorization"))
        request.state.notes["user"] = found.name
        if not found.may(role):
            raise _forbidden(found, f"This needs the role {role}")
        return found

    return caller


def _forbidden(caller: Caller, what: str) -> Problem:
    """A 403 with the challenge of RFC 6750 §3.1."""
    detail = f"{what}; {caller.name!r} has: {', '.join(caller.roles) or 'none'}. Ask an administrator for it."
    challenge = 'Bearer realm="fanfold", error="insufficient_scope"'
    return Problem(FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})


def demand_admin(caller: Caller, what: str) -> None:
    """Raise a 403 unless the caller is an administrator; `what` says what needs one."""
    if not caller.is_admin:
        raise _forbidden(caller, f"{what} needs the role admin")


Viewer = Annotated[Caller, Depends(_require("viewer"))]
Submitter = Annotated[Caller, Depends(_require("submitter"))]
