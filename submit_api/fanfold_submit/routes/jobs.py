"""Jobs: submitting them, what callers see of them, cancelling them."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from fanfold_submit.http.access import Submitter, TheService, Viewer
from fanfold_submit.http.job_filters import JobFilters
from fanfold_submit.http.problems import refusals
from fanfold_submit.job_ids import ID_PATTERN
from fanfold_submit.jobs.admission import Admitted
from fanfold_submit.jobs.job import JobView
from fanfold_submit.jobs.removal import remove
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.jobs.steering import cancel
from fanfold_submit.lists.pages import MOST_COUNTED
from fanfold_submit.refusals import (
    InvalidIdempotencyKey,
    InvalidParams,
    InvalidPath,
    InvalidPlace,
    InvalidSpec,
    JobActive,
    JobFinal,
    JobRefused,
    KeyReused,
    NoDelegations,
    NoSuchJob,
    NoSuchList,
    NotAdmitted,
    OutputExists,
    OutputInUse,
    OverQuota,
    PlaceNotAllowed,
    PlaceRefused,
    UnknownBundle,
    UnknownJob,
    WebhookNotAllowed,
)
from fanfold_web.http.openapi import headers, links
from fanfold_web.refusals import BadRequest, Contended, Invalid, InvalidCursor, TooLarge
from fanfold_web.tokens.authorization import bearer_token

router = APIRouter(tags=["jobs"])

JobId = Annotated[
    str,
    Path(
        description="The job's id",
        examples=["000m3k2v8q1x7f9a2b4c"],
        json_schema_extra={"pattern": ID_PATTERN},  # stated, not checked here: any other is nobody's
    ),
]
_FOUND = headers("Location") | links(
    "$response.body#/id", "job_id", "show_job", "show_counters", "cancel_job", "delete_job", "retry_job",
    "follow_job", "read_logs", "list_tasks", "explain_job", "show_workflow",
    "list_results", "read_results", "preview_results", "list_quarantine", "read_quarantine",
)  # fmt: skip


class JobPage(BaseModel):
    """Jobs. A page may have fewer than `limit`, or none, and still be followed by others."""

    items: list[JobView]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")
    more: int | None = Field(
        default=None,
        ge=0,
        description=f"With `count=true`, how many jobs follow this page; {MOST_COUNTED} stands for that many or more. "
        "null if nobody asked, or if filters are combined, so that only reading the jobs would tell",
    )


class Counters(BaseModel):
    """What a job's committed tasks counted, by group and name; the group `fanfold` holds what every job has."""

    counters: dict[str, dict[str, int]] = Field(examples=[{"words": {"long": 12}, "fanfold": {"input_records": 40}}])


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Submit a job",
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "This key was sent before: the job it led to", **_FOUND},
        202: _FOUND,
        **refusals(
            BadRequest, InvalidIdempotencyKey, InvalidPath, PlaceNotAllowed, OutputExists, OutputInUse, TooLarge,
            Invalid, InvalidPlace, InvalidParams, InvalidSpec, JobRefused, KeyReused, PlaceRefused, UnknownBundle,
            UnknownJob, WebhookNotAllowed, OverQuota, NoDelegations, Contended,
        ),
    },
)  # fmt: skip
async def submit(
    body: JobRequest,
    caller: Submitter,
    service: TheService,
    request: Request,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Repeating a request with the same key returns the same job",
            examples=["monday-1"],
            json_schema_extra={"pattern": "^[\\x21-\\x7e]{1,255}$"},
        ),
    ] = None,
) -> JobView:
    """Submit a job. Once this is answered the job will run to a final state, once, whatever crashes."""
    if len(request.headers.getlist("Idempotency-Key")) > 1:
        raise InvalidIdempotencyKey("There are several Idempotency-Key headers. Send one.")
    key = _unquoted(idempotency_key)
    token = bearer_token(request.headers.get("Authorization"))

    def admit() -> Admitted:
        service.standing.keep(caller, body.team, token)
        return service.admission.admit(body, caller, key)

    admitted = await service.admissions.run(caller.id, admit)
    response.status_code = 202 if admitted.is_new else 200
    response.headers["Location"] = f"/v1/jobs/{admitted.job.id}"
    return service.view(admitted.job)


@router.get("/v1/jobs", summary="List jobs", responses=refusals(InvalidCursor, NoSuchList, Invalid))
async def list_jobs(filters: Annotated[JobFilters, Query()], caller: Viewer, service: TheService) -> JobPage:
    """My jobs, or others', the newest first unless `sort` says otherwise. Filters can be combined."""
    asked = filters.question(caller)

    def page() -> JobPage:
        found = service.lists.page(asked, filters.limit, filters.cursor, count=filters.count)
        return JobPage(items=[service.view(job) for job in found.jobs], cursor=found.cursor, more=found.more)

    return await service.listings.run(caller.id, page)


@router.get("/v1/jobs/{job_id}", summary="Show a job", responses=refusals(NoSuchJob, Invalid))
async def show_job(job_id: JobId, caller: Viewer, service: TheService) -> JobView:
    """One job as it stands."""

    def view() -> JobView:
        return service.view(service.jobs.visible(job_id, to=caller).job)

    # It is asked more often than anything else, so it doesn't go to a thread where it has nothing to wait for.
    return view() if service.jobs.are_local else await to_thread.run_sync(view)


@router.get("/v1/jobs/{job_id}/counters", summary="Show a job's counters", responses=refusals(NoSuchJob, Invalid))
def show_counters(job_id: JobId, caller: Viewer, service: TheService) -> Counters:
    """A job's counters so far. They are exact, whatever crashed and ran again."""
    return Counters(counters=service.jobs.visible(job_id, to=caller).job.counters)


@router.post(
    "/v1/jobs/{job_id}/cancel",
    status_code=202,
    summary="Cancel a job",
    responses=refusals(NoSuchJob, JobFinal, NotAdmitted, Invalid, Contended),
)
def cancel_job(job_id: JobId, caller: Submitter, service: TheService) -> JobView:
    """Ask for the job to end. It is `cancelled` once its workers have stopped; asking again changes nothing."""
    job = cancel(job_id, caller, service.jobs)
    service.controller.enqueue(job_id)
    return service.view(job)


@router.delete(
    "/v1/jobs/{job_id}",
    status_code=204,
    summary="Remove a job",
    responses=refusals(NoSuchJob, JobActive, Invalid),
)
async def delete_job(job_id: JobId, caller: Submitter, service: TheService) -> None:
    """Remove a job that has ended, with its tree and the output that is kept with it. Files that it wrote stay."""
    await service.uploads.run(caller.id, lambda: remove(job_id, caller, service.jobs, service.objects))


def _unquoted(header: str | None) -> str | None:
    """The key in an Idempotency-Key header, which the draft standard writes as a quoted string."""
    is_quoted = header is not None and len(header) >= 2 and header[0] == header[-1] == '"'
    return header[1:-1] if header and is_quoted else header
