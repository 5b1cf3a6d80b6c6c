"""Schedules: jobs that are submitted again and again, when it is time."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from fanfold_submit.http.access import Submitter, TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.jobs.job import JobView
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import (
    DelegationEnded,
    InvalidParams,
    InvalidPath,
    InvalidPlace,
    InvalidSchedule,
    InvalidSpec,
    JobRefused,
    NoDelegations,
    NoSuchSchedule,
    OutputExists,
    OutputInUse,
    PlaceNotAllowed,
    PlaceRefused,
    ScheduleExists,
    TooManySchedules,
    UnknownBundle,
    UnknownJob,
    WebhookNotAllowed,
)
from fanfold_submit.schedules.schedule import NAME, ScheduleDetails, ScheduleRequest, ScheduleView
from fanfold_web.http.openapi import headers, links
from fanfold_web.refusals import BadRequest, Contended, Invalid, InvalidCursor, TooLarge
from fanfold_web.tokens.authorization import NAME_PATTERN, bearer_token

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

Name = Annotated[
    str,
    Path(
        description="The schedule's name",
        examples=["nightly"],
        json_schema_extra={"pattern": f"^{NAME}$", "maxLength": 63},  # told, not checked here: no other is there
    ),
]
Owner = Annotated[
    str | None,
    Query(pattern=f"^{NAME_PATTERN}$", max_length=63, description="The id of another owner; for administrators"),
]
_FOUND = headers("Location") | links(
    "$response.body#/name", "name", "show_schedule", "pause_schedule", "resume_schedule", "run_schedule",
    "remove_schedule",
)  # fmt: skip
_JOB = (
    BadRequest, InvalidPath, PlaceNotAllowed, WebhookNotAllowed, TooLarge, InvalidPlace, InvalidParams, InvalidSpec,
    JobRefused, PlaceRefused, UnknownBundle, UnknownJob,
)  # fmt: skip


class SchedulePage(BaseModel):
    """Schedules by name."""

    items: list[ScheduleView]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")


@router.get("", summary="List schedules", responses=refusals(InvalidCursor, Invalid))
def list_schedules(
    caller: Viewer,
    service: TheService,
    all_owners: Annotated[bool, Query(alias="all", description="Everybody's; for administrators")] = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str = "",
) -> SchedulePage:
    """My schedules, by name."""
    if all_owners:
        caller.demand("admin", "Seeing others' schedules")
    if cursor and cursor.count("/") != 1:
        raise InvalidCursor
    found, more = service.schedules.records.of(None if all_owners else caller.id, cursor, limit)
    last = f"{found[-1].owner_id}/{found[-1].name}" if found and more else None
    return SchedulePage(items=[service.schedules.view(schedule) for schedule in found], cursor=last)


@router.post(
    "",
    status_code=201,
    summary="Add a schedule",
    response_model=ScheduleDetails,
    responses={
        200: {"model": ScheduleDetails, "description": "You have this very schedule already", **_FOUND},
        201: _FOUND,
        **refusals(*_JOB, Invalid, InvalidSchedule, ScheduleExists, TooManySchedules, NoDelegations, Contended),
    },
)
async def add_schedule(
    body: ScheduleRequest, caller: Submitter, service: TheService, request: Request, response: Response
) -> ScheduleDetails:
    """Submit a job whenever a cron expression says so, with your roles of that moment.

    Of the job, everything is checked now that won't change until then.
    """
    caller.demand_person()
    token = bearer_token(request.headers.get("Authorization"))

    def added() -> ScheduleDetails:
        schedule, is_new = service.schedules.add(body, caller, token)
        response.status_code = 201 if is_new else 200
        return service.schedules.details(schedule)

    details = await service.admissions.run(caller.id, added)
    response.headers["Location"] = f"/v1/schedules/{details.name}"
    return details


@router.get("/{name}", summary="Show a schedule", responses=refusals(NoSuchSchedule, Invalid))
def show_schedule(name: Name, caller: Viewer, service: TheService, owner: Owner = None) -> ScheduleDetails:
    """A schedule, its next ticks, and what became of the last ones."""
    schedules = service.schedules
    return schedules.details(schedules.records.visible(name, _owner(owner, caller), caller).schedule)


@router.post("/{name}/pause", summary="Pause a schedule", responses=refusals(NoSuchSchedule, Invalid, Contended))
def pause_schedule(name: Name, caller: Submitter, service: TheService, owner: Owner = None) -> ScheduleView:
    """Submit nothing any more until it is resumed. Jobs that run go on; pausing it again changes nothing."""
    return service.schedules.view(service.schedules.pause(name, _owner(owner, caller), caller))


@router.post(
    "/{name}/resume",
    summary="Resume a schedule",
    responses=refusals(NoSuchSchedule, NoDelegations, Invalid, Contended),
)
async def resume_schedule(
    name: Name, caller: Submitter, service: TheService, request: Request, owner: Owner = None
) -> ScheduleView:
    """Go on with the next tick. Those that passed meanwhile aren't made up for."""
    if _owner(owner, caller) == caller.id:
        caller.demand_person()
    token = bearer_token(request.headers.get("Authorization"))

    def resumed() -> ScheduleView:
        return service.schedules.view(service.schedules.resume(name, _owner(owner, caller), caller, token))

    return await service.admissions.run(caller.id, resumed)


@router.post(
    "/{name}/run",
    status_code=202,
    summary="Run a schedule now",
    responses=refusals(
        *_JOB, NoSuchSchedule, OutputExists, OutputInUse, DelegationEnded, InvalidSchedule, NoDelegations, Invalid,
        Contended,
    ),
)  # fmt: skip
async def run_schedule(name: Name, caller: Submitter, service: TheService, owner: Owner = None) -> JobView:
    """Submit the schedule's job now, even if it is paused or another of its jobs runs. Its ticks stay as they are."""
    job = await service.admissions.run(caller.id, lambda: service.schedules.run(name, _owner(owner, caller), caller))
    return service.view(job)


@router.delete("/{name}", status_code=204, summary="Remove a schedule", responses=refusals(NoSuchSchedule, Invalid))
def remove_schedule(name: Name, caller: Submitter, service: TheService, owner: Owner = None) -> None:
    """Submit nothing any more, and forget the schedule. Its jobs stay."""
    service.schedules.remove(name, _owner(owner, caller), caller)


def _owner(owner: str | None, caller: Principal) -> str:
    """Whose schedule is meant. Raises Forbidden."""
    if owner not in (None, caller.id):
        caller.demand("admin", "Seeing others' schedules")
    return owner or caller.id
