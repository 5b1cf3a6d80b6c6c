"""Delegations: what services may do for a user when nobody is logged in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from fanfold_auth.http.access import AnyCaller, Person, TheService, demand_person
from fanfold_auth.http.fields import body, moment
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import NoSuchDelegation, TooManyDelegations
from fanfold_auth.tokens.delegations import Delegation
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Invalid, Unauthenticated
from fanfold_web.tokens.authorization import TEAM_JOBS

router = APIRouter(route_class=ThreadedRoute, prefix="/v1/delegations", tags=["delegations"])

_DELEGATION = {"id": "5b1e0c7a51e8b264d09f", "purpose": "schedule/nightly", "created": "2026-11-24T07:15:00Z"}
_TOKEN = "3f9d0c7a51e8b264d09f:5b1e0c7a51e8b264d09f:pD0n4Yt7sVfK2mXc9RzQ1bWgHj5uLaE8iOqS6yTvNxM"  # noqa: S105 (an example)

Purpose = Annotated[
    str, Field(pattern="^[!-~]{1,200}$", description="What it is for: 1 to 200 visible ASCII characters")
]
DelegationId = Annotated[str, Path(description="The delegation's id", examples=["5b1e0c7a51e8b264d09f"])]


class NewDelegation(BaseModel):
    """What the delegation is for."""

    model_config = body({"purpose": "schedule/nightly"})
    purpose: Purpose


class DelegationView(BaseModel):
    """A delegation, without what stands for it."""

    model_config = body(_DELEGATION)
    id: str
    purpose: str
    created: datetime

    @classmethod
    def of(cls, delegation: Delegation) -> "DelegationView":
        """Leave out what is secret."""
        return cls(id=delegation.id, purpose=delegation.purpose, created=moment(delegation.created))


class StartedDelegation(DelegationView):
    """A new delegation, and the token that stands for it, which is never shown again."""

    model_config = body({**_DELEGATION, "token": _TOKEN})
    token: str


class DelegationList(BaseModel):
    """The caller's delegations."""

    model_config = body({"items": [_DELEGATION]})
    items: list[DelegationView]


@router.post(
    "",
    status_code=201,
    summary="Delegate",
    responses=refusals(Unauthenticated, Forbidden, Invalid, TooManyDelegations, Contended),
)
def start_delegation(service: TheService, caller: AnyCaller, body: NewDelegation) -> StartedDelegation:
    """Let a service act for you when you aren't logged in. It exchanges the token at `/v1/token`.

    An exchange yields your roles of that moment, and nothing while you are disabled. An API token may ask only for the
    purpose `team-jobs`, which jobs for a team need, and that delegation ends with the API token.
    """
    if body.purpose != TEAM_JOBS:
        demand_person(caller)
    delegation, token = service.delegations.start(caller.user, body.purpose, caller.claims.via)
    view = DelegationView.of(delegation)
    return StartedDelegation(id=view.id, purpose=view.purpose, created=view.created, token=token)


@router.get("", summary="List delegations", responses=refusals(Unauthenticated))
def list_delegations(service: TheService, caller: AnyCaller) -> DelegationList:
    """What services may do for you."""
    return DelegationList(items=[DelegationView.of(found) for found in service.delegations.of(caller.user)])


@router.delete(
    "/{delegation_id}",
    status_code=204,
    summary="End a delegation",
    responses=refusals(Unauthenticated, Forbidden, NoSuchDelegation, Invalid),
)
def end_delegation(service: TheService, caller: Person, delegation_id: DelegationId) -> None:
    """End a delegation. What it was for stops at the next exchange: a schedule pauses and says why."""
    service.delegations.end(caller.user, delegation_id)
