"""Retrying a job that failed or was cancelled."""

from fastapi import APIRouter, Body, Request, Response

from fanfold_submit.http.access import Submitter, TheService
from fanfold_submit.http.problems import refusals
from fanfold_submit.jobs.job import JobView
from fanfold_submit.refusals import (
    InputChanged,
    InvalidSpec,
    JobActive,
    JobFinal,
    JobRefused,
    NoDelegations,
    NoSuchJob,
    NotAdmitted,
    OutputExists,
    OutputInUse,
    PlaceRefused,
    PreconditionFailed,
    ReachLost,
    UnknownBundle,
    UnknownJob,
)
from fanfold_submit.routes.jobs import JobId
from fanfold_submit.runs.retry import Retried, RetryRequest
from fanfold_web.refusals import BadRequest, Contended, Invalid, TooLarge
from fanfold_web.tokens.authorization import bearer_token

router = APIRouter(tags=["jobs"])
_AS_IT_WAS = RetryRequest()


@router.post(
    "/v1/jobs/{job_id}/retry",
    status_code=202,
    summary="Retry a job",
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "This run was followed by another before: the job as it is"},
        **refusals(
            BadRequest, NoSuchJob, NotAdmitted, JobActive, JobFinal, InputChanged, OutputExists, OutputInUse,
            PreconditionFailed, TooLarge, Invalid, InvalidSpec, JobRefused, PlaceRefused, UnknownBundle, UnknownJob,
            ReachLost, NoDelegations, Contended,
        ),
    },
)  # fmt: skip
async def retry_job(
    job_id: JobId,
    caller: Submitter,
    service: TheService,
    request: Request,
    response: Response,
    body: RetryRequest = Body(default=_AS_IT_WAS),  # noqa: B008 (FastAPI's way)
) -> JobView:
    """Give a job that failed or was cancelled another run, which goes on from the tasks that are committed.

    With other code, these only count if the job has a `task_version`, and the other code has the same; otherwise, and
    with `anew`, the run begins from the beginning. `resumed` in the response says which.
    """
    token = bearer_token(request.headers.get("Authorization"))

    def retry() -> Retried:
        job = service.jobs.visible(job_id, caller).job
        if job.owner_id == caller.id:
            service.standing.keep(caller, job.team, token)
        return service.retrying.retry(job_id, body, caller)

    retried = await service.admissions.run(caller.id, retry)
    if retried.is_new:
        service.controller.enqueue(job_id)
    response.status_code = 202 if retried.is_new else 200
    return service.view(retried.job)
