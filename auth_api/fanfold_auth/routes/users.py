"""Users, for admins; and everybody's own password."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StrictBool

from fanfold_auth.accounts.users import Role, User, is_name
from fanfold_auth.http.access import Admin, AdminInPerson, Person, TheService
from fanfold_auth.http.fields import EXAMPLE_PASSWORD, Name, Password, body, moment
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import Busy, LastAdmin, NoSuchUser, Throttled, UserExists, WeakPassword, WrongPassword
from fanfold_web.http.envelope import source
from fanfold_web.http.openapi import headers
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Invalid, InvalidCursor, Unauthenticated

router = APIRouter(route_class=ThreadedRoute, prefix="/v1/users", tags=["users"])

_GUARDED = (Unauthenticated, Forbidden, Invalid)

_USER = {
    "id": "3f9d0c7a51e8b264d09f",
    "name": "ada",
    "roles": ["submitter"],
    "groups": ["analysts"],
    "disabled": False,
    "created": "2026-11-24T07:15:00Z",
}


class NewUser(BaseModel):
    """A user to add."""

    model_config = body({"name": "ada", "password": EXAMPLE_PASSWORD, "roles": ["submitter"]})
    name: Name
    password: Password = Field(description="8 to 1024 bytes, not one of the most common ones, not made of the name")
    roles: list[Role] = Field(min_length=1, max_length=3)


class UserChange(BaseModel):
    """What can be changed about a user."""

    model_config = body({"disabled": True})
    disabled: StrictBool


class NewPassword(BaseModel):
    """A password to set. Users who change their own also send the current one."""

    model_config = body({"password": EXAMPLE_PASSWORD, "current": "tr0ub4dor and 3"})
    password: Password
    current: Password | None = None


class UserView(BaseModel):
    """A user as others see them."""

    model_config = body(_USER)
    id: str = Field(description="Names the user's files and jobs; never given to another user")
    name: str
    roles: list[Role]
    groups: list[str]
    disabled: bool
    created: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        """Leave out what is secret."""
        roles, groups = list(user.roles), list(user.groups)
        return cls(
            id=user.id, name=user.name, roles=roles, groups=groups, disabled=user.disabled, created=moment(user.created)
        )


class UserList(BaseModel):
    """A page of users by name; pass `cursor` to get the next one, null at the end."""

    model_config = body({"items": [_USER], "cursor": None})
    items: list[UserView]
    cursor: str | None


@router.get("", summary="List users", responses=refusals(*_GUARDED, InvalidCursor))
def list_users(
    service: TheService,
    admin: Admin,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many")] = 100,
    cursor: Annotated[str, Query(description="The cursor of the previous page")] = "",
) -> UserList:
    """Users by name, a page at a time."""
    if cursor and not is_name(cursor):
        raise InvalidCursor
    page = service.users.page(cursor, limit)
    return UserList(items=[UserView.of(user) for user in page.users], cursor=page.after)


@router.post(
    "",
    status_code=201,
    summary="Add a user",
    responses={201: headers("Location"), **refusals(*_GUARDED, UserExists, WeakPassword, Contended, Busy)},
)
def add_user(service: TheService, admin: AdminInPerson, body: NewUser, response: Response) -> UserView:
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
def change_user(service: TheService, admin: AdminInPerson, name: str, body: UserChange) -> UserView:
    """Disabling ends the user's logins; enabling lets the user log in again."""
    return UserView.of(service.users.disable(name) if body.disabled else service.users.enable(name))


@router.delete(
    "/{name}", status_code=204, summary="Remove a user", responses=refusals(*_GUARDED, NoSuchUser, LastAdmin, Contended)
)
def remove_user(service: TheService, admin: AdminInPerson, name: str) -> None:
    """Forget a user, and end their logins and API tokens."""
    user = service.users.remove(name)
    service.api_tokens.end_all(user.id)


@router.put(
    "/{name}/password",
    status_code=204,
    summary="Set a password",
    responses=refusals(*_GUARDED, NoSuchUser, WeakPassword, WrongPassword, Throttled, Contended, Busy),
)
def set_password(request: Request, service: TheService, caller: Person, name: str, body: NewPassword) -> None:
    """Set a password and end the user's logins. Admins set anybody's; setting your own needs `current`."""
    if caller.user.name == name:
        current = body.current.get_secret_value() if body.current else ""
        service.check_password(name, current, source(request.scope))
    elif not caller.is_admin:
        raise Forbidden(
            f"{caller.user.name!r} may only change their own password. Ask an administrator to set others'."
        )
    service.users.set_password(name, body.password.get_secret_value())


@router.put("/{name}/roles/{role}", summary="Grant a role", responses=refusals(*_GUARDED, NoSuchUser, Contended))
def grant_role(service: TheService, admin: AdminInPerson, name: str, role: Role) -> UserView:
    """Grant a role; tokens carry it from the next refresh or login on."""
    return UserView.of(service.users.grant(name, role))


@router.delete(
    "/{name}/roles/{role}", summary="Revoke a role", responses=refusals(*_GUARDED, NoSuchUser, LastAdmin, Contended)
)
def revoke_role(service: TheService, admin: AdminInPerson, name: str, role: Role) -> UserView:
    """Revoke a role; access tokens that bear it end within a minute."""
    return UserView.of(service.users.revoke(name, role))
