"""Groups of users, for admins: their jobs and files are seen by all members."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from fanfold_auth.accounts.groups import MOST_MEMBERS, Group
from fanfold_auth.accounts.users import is_name
from fanfold_auth.http.access import Admin, AdminInPerson, TheService
from fanfold_auth.http.fields import body
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import InvalidGroup, NoSuchGroup, NoSuchUser, OldRecords, TooManyGroups
from fanfold_auth.routes.users import UserView
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Invalid, InvalidCursor, Unauthenticated
from fanfold_web.tokens.authorization import NAME_PATTERN

router = APIRouter(route_class=ThreadedRoute, tags=["groups"])

_GUARDED = (Unauthenticated, Forbidden, Invalid)
_GROUP = {"name": "analysts", "members": 2}

GroupName = Annotated[
    str,
    Path(
        description="The group's name, which isn't that of a role",
        examples=["analysts"],
        json_schema_extra={"pattern": f"^{NAME_PATTERN}$", "maxLength": 63},  # told, not checked here: users say why
    ),
]


class GroupView(BaseModel):
    """A group. It is there as long as somebody is in it."""

    model_config = body(_GROUP)
    name: str
    members: int = Field(description=f"How many users are in it; {MOST_MEMBERS} stands for that many or more")

    @classmethod
    def of(cls, group: Group) -> "GroupView":
        """What others see of it."""
        return cls(name=group.name, members=group.members)


class GroupList(BaseModel):
    """A page of groups; pass `cursor` to get the next one, null at the end."""

    model_config = body({"items": [_GROUP], "cursor": None})
    items: list[GroupView]
    cursor: str | None


class Members(BaseModel):
    """Who is in a group."""

    model_config = body({"name": "analysts", "members": ["ada", "bob"]})
    name: str
    members: list[str] = Field(description=f"The names of its users, at most {MOST_MEMBERS}")


@router.get("/v1/groups", summary="List groups", responses=refusals(*_GUARDED, InvalidCursor))
def list_groups(
    service: TheService,
    admin: Admin,
    limit: Annotated[int, Query(ge=1, le=100, description="At most this many")] = 100,
    cursor: Annotated[str, Query(description="The cursor of the previous page")] = "",
) -> GroupList:
    """Groups, a page at a time."""
    if cursor and not is_name(cursor):
        raise InvalidCursor
    groups, after = service.groups.page(cursor, limit)
    return GroupList(items=[GroupView.of(group) for group in groups], cursor=after)


@router.get("/v1/groups/{group}", summary="Show a group", responses=refusals(*_GUARDED, NoSuchGroup))
def show_group(service: TheService, admin: Admin, group: GroupName) -> Members:
    """Who is in a group."""
    members = service.groups.members(group) if is_name(group) else []
    if not members:
        raise NoSuchGroup(f"Nobody is in a group {group[:80]!r}. List all with GET /v1/groups.")
    return Members(name=group, members=members)


@router.put(
    "/v1/users/{name}/groups/{group}",
    summary="Put a user into a group",
    responses=refusals(*_GUARDED, NoSuchUser, InvalidGroup, TooManyGroups, OldRecords, Contended),
)
def join_group(service: TheService, admin: AdminInPerson, name: str, group: GroupName) -> UserView:
    """Put a user into a group, which is made if nobody is in it; tokens name it from the next refresh or login on."""
    return UserView.of(service.users.join(name, group))


@router.delete(
    "/v1/users/{name}/groups/{group}",
    summary="Take a user out of a group",
    responses=refusals(*_GUARDED, NoSuchUser, Contended),
)
def leave_group(service: TheService, admin: AdminInPerson, name: str, group: GroupName) -> UserView:
    """Take a user out of a group; access tokens that name it end within a minute."""
    return UserView.of(service.users.leave(name, group))
