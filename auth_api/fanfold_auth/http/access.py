"""Who is asking, and whether they may: the dependencies that guard routes.

A dependency that waits for the store is a plain function, which FastAPI runs in a thread. The others are async, which
saves them the way to a thread.
"""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from fanfold_auth.accounts.users import User
from fanfold_auth.service import Service
from fanfold_web.refusals import Forbidden, Unauthenticated
from fanfold_web.tokens.access_tokens import Claims
from fanfold_web.tokens.authorization import bearer_token

# Documents the scheme; `bearer_token` reads the header.
documented_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="An access token from /v1/login or /v1/token"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request: the user as stored now, and what their token says."""

    user: User
    claims: Claims

    @property
    def is_admin(self) -> bool:
        """Whether both the token and the record say admin, so a demoted admin loses the power at once."""
        return "admin" in self.claims.roles and "admin" in self.user.roles


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


TheService = Annotated[Service, Depends(_service)]


def _caller(request: Request, service: TheService, _: Annotated[object, Depends(documented_bearer)]) -> Caller:
    claims = service.tokens.verify(bearer_token(request.headers.get("Authorization")))
    request.state.notes.update(user=claims.preferred_username, user_id=claims.sub)
    user = service.users.find(claims.preferred_username)
    if user is None or user.disabled or user.id != claims.sub:  # the name may have a new owner
        raise Unauthenticated(
            "The access token is not valid: its user was removed or disabled. Log in again.", token_sent=True
        )
    if user.stamp != claims.stamp:
        raise Unauthenticated(
            "The access token has ended: the user's password or roles have changed. Refresh it or log in again.",
            token_sent=True,
        )
    if claims.via and service.ended.has_ended(claims.via):
        raise Unauthenticated(
            "The access token has ended: the API token that it was exchanged for was revoked.", token_sent=True
        )
    return Caller(user, claims)


AnyCaller = Annotated[Caller, Depends(_caller)]


def demand_person(caller: Caller) -> None:
    """Raise Forbidden if a script asks. What a stolen API token can do must end with it, when it is revoked."""
    if caller.claims.via:
        raise Forbidden(
            "An API token can't do this, since it would outlast the token: log in, and do it with that access token."
        )


async def _person(caller: AnyCaller) -> Caller:
    """Whoever has logged in."""
    demand_person(caller)
    return caller


Person = Annotated[Caller, Depends(_person)]


async def _admin(caller: AnyCaller) -> Caller:
    if not caller.is_admin:
        roles = ", ".join(caller.user.roles) or "none"
        raise Forbidden(f"This needs the role admin; {caller.user.name!r} has: {roles}. Ask an administrator for it.")
    return caller


Admin = Annotated[Caller, Depends(_admin)]


async def _admin_in_person(admin: Admin, _: Person) -> Caller:
    return admin


AdminInPerson = Annotated[Caller, Depends(_admin_in_person)]
