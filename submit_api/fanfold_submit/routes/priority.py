"""The order in which an owner's jobs start, for administrators."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from fanfold_submit.http.access import Admin, TheService
from fanfold_submit.http.problems import refusals
from fanfold_submit.jobs.job import JobView
from fanfold_submit.jobs.steering import prioritize
from fanfold_submit.queueing.entries import HIGHEST, LOWEST
from fanfold_submit.refusals import NoSuchJob, NotWaiting
from fanfold_submit.routes.jobs import JobId
from fanfold_web.refusals import BadRequest, Contended, Invalid, TooLarge

router = APIRouter(tags=["jobs"])


class Priority(BaseModel):
    """Where a job stands among its owner's."""

    model_config = ConfigDict(extra="forbid")

    priority: StrictInt = Field(ge=LOWEST, le=HIGHEST, description="The highest starts first; the others have 0")


@router.post(
    "/v1/jobs/{job_id}/priority",
    summary="Change a job's priority",
    responses=refusals(BadRequest, NoSuchJob, NotWaiting, TooLarge, Invalid, Contended),
)
def set_priority(job_id: JobId, body: Priority, caller: Admin, service: TheService) -> JobView:
    """Let a job that waits start before its owner's others, or after them. Other owners' turns stay as they are."""
    job = prioritize(job_id, body.priority, caller, service.jobs)
    service.queueing.waiting.add(job.entry)
    return service.view(job)
