"""Users, for admins; and everybody's own password."""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from fanfold_auth.access import Admin, AnyCaller, TheService
from fanfold_auth.bodies import NewPassword, NewUser, UserChange, UserList, UserView
from fanfold_auth.errors import (
    Busy,
    Contended,
    Forbidden,
    Invalid,
    LastAdmin,
    NoSuchUser,
    Throttled,
    Unauthenticated,
    UserExists,
    WeakPassword,
    WrongPassword,
)
from fanfold_auth.problems import refusals
from fanfold_auth.users import Role
from fanfold_web.envelope import source

router = APIRouter(prefix="/v1/users", tags=["users"])

_GUARDED = (Unauthenticated, Forbidden, Invalid)


@router.get("", summary="List users", responses=refusals(*_GUARDED))
def list_users(
    service: TheService,
    admin: Admin,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many.")] = 100,
    cursor: Annotated[str | None, Query(max_length=100, description="Where the page before ended.")] = None,
) -> UserList:
    """Users by name, a page at a time."""
    page = service.users.page(_after(cursor), limit)
    following = base64.urlsafe_b64encode(page.after.encode()).decode() if page.after else None
    return UserList(items=[UserView.of(user) for user in page.users], cursor=following)


@router.post(
    "", status_code=201, summary="Add a user", responses=refusals(*_GUARDED, UserExists, WeakPassword, Contended, Busy)
)
def add_user(service: TheService, admin: Admin, body: NewUser, response: Response) -> UserView:
    """Add a user, who can log in at once."""
    user = service.users.create(body.name, body.password.get_secret_value(), body.roles)
    response.headers["Location"] = f"/v1/users/{user.name}"
    return UserView.of(user)


@router.get("/{name}", summary="Show a user", responses=refusals(*_GUARDED, NoSuchUser))
def show_user(service: TheService, admin: Admin, name: str) -> UserView:
    """One user."""
    return UserView.of(service.users.get(name))


@router.patch(
    "/{name}", summary="Disable or enable a user", responses=refusals(*_GUARDED, NoSuchUser, LastAdmin, Contended)
)
def change_user(service: TheService, admin: Admin, name: str, body: UserChange) -> UserView:
    """Disabling ends the user's logins for good; enabling lets them log in anew."""
    return UserView.of(service.users.disable(name) if body.disabled else service.users.enable(name))


@router.delete(
    "/{name}", status_code=204, summary="Remove a user", responses=refusals(*_GUARDED, NoSuchUser, LastAdmin, Contended)
)
def remove_user(service: TheService, admin: Admin, name: str) -> None:
    """Forget a user and end their logins."""
    service.users.remove(name)


@router.put(
    "/{name}/password",
    status_code=204,
    summary="Set a password",
    responses=refusals(*_GUARDED, NoSuchUser, WeakPassword, WrongPassword, Throttled, Contended, Busy),
)
def set_password(request: Request, service: TheService, caller: AnyCaller, name: str, body: NewPassword) -> None:
    """Set a user's password and end their logins. Admins set anybody's; for one's own, `current` is needed."""
    if caller.user.name == name:
        current = body.current.get_secret_value() if body.current else ""
        service.check_password(name, current, source(request.scope))
    elif "admin" not in caller.user.roles or "admin" not in caller.claims.roles:
        raise Forbidden(f"{caller.user.name!r} may change their own password; for others' ask an admin.")
    service.users.set_password(name, body.password.get_secret_value())


@router.put("/{name}/roles/{role}", summary="Grant a role", responses=refusals(*_GUARDED, NoSuchUser, Contended))
def grant_role(service: TheService, admin: Admin, name: str, role: Role) -> UserView:
    """Give a role; it is in the tokens from the next refresh or login on."""
    return UserView.of(service.users.grant(name, role))


@router.delete(
    "/{name}/roles/{role}", summary="Revoke a role", responses=refusals(*_GUARDED, NoSuchUser, LastAdmin, Contended)
)
def revoke_role(service: TheService, admin: Admin, name: str, role: Role) -> UserView:
    """Take a role; tokens issued before carry it until they expire, within minutes."""
    return UserView.of(service.users.revoke(name, role))


def _after(cursor: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(cursor or "").decode()
    except (binascii.Error, ValueError):
        raise RequestValidationError(
            [{"loc": ("query", "cursor"), "msg": "not a cursor of this list: send one as a page gave it"}]
        ) from None
