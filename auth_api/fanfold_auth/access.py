"""Who is asking, and whether they may: the dependencies that guard routes.

What waits for the store is a plain function, which FastAPI runs in a thread; the rest is async, to save the way there.
"""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fanfold_auth.errors import Forbidden, Unauthenticated
from fanfold_auth.service import Service
from fanfold_auth.tokens import Claims
from fanfold_auth.users import User

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="An access token from /v1/login or /v1/token.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request: the user as of now, and what their token says."""

    user: User
    claims: Claims


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


TheService = Annotated[Service, Depends(_service)]


def _caller(
    request: Request,
    service: TheService,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    if credentials is None:
        raise Unauthenticated
    claims = service.tokens.verify(credentials.credentials)
    request.state.notes["user"] = claims.sub
    user = service.users.find(claims.sub)
    if user is None or user.disabled or claims.iat < int(user.created):  # a name may have got a new owner
        raise Unauthenticated(
            "The access token does not hold: its user is gone or disabled. Log in anew.", token_given=True
        )
    return Caller(user, claims)


AnyCaller = Annotated[Caller, Depends(_caller)]


async def _admin(caller: AnyCaller) -> Caller:
    """The token must say admin and the record must still: a demoted admin loses the power at once."""
    if "admin" not in caller.claims.roles or "admin" not in caller.user.roles:
        roles = ", ".join(caller.user.roles) or "none"
        raise Forbidden(f"This needs the role admin; {caller.user.name!r} has: {roles}. Ask an admin for it.")
    return caller


Admin = Annotated[Caller, Depends(_admin)]
