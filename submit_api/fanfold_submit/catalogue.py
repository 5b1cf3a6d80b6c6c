"""What a caller sees of jobs, and cancelling them."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from fanfold_submit.access import Caller, Submitter, Viewer, demand_admin
from fanfold_submit.jobs import Job, JobView, State
from fanfold_submit.kinds import INVALID_CURSOR, JOB_FINAL, NO_SUCH_JOB
from fanfold_submit.problems import Problem, refusals
from fanfold_submit.register import Held, is_job_id
from fanfold_submit.service import Service, Wired
from fanfold_web.kinds import CONTENDED, INVALID

router = APIRouter(tags=["jobs"])
LOOKED_AT = 1000  # jobs that one page may read while it looks for a state
_TRIES = 20

JobId = Annotated[str, Path(description="The job's id", examples=["000m3k2v8q1x7f9a2b4c"])]


class JobPage(BaseModel):
    """Jobs, the newest first."""

    items: list[JobView]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")


@router.get("/v1/jobs", responses=refusals(INVALID_CURSOR, INVALID))
def list_jobs(
    caller: Viewer,
    service: Wired,
    state: State | None = None,
    owner: Annotated[str | None, Query(description="Somebody else's jobs; for administrators")] = None,
    all_owners: Annotated[bool, Query(alias="all", description="Everybody's jobs; for administrators")] = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: str = "",
) -> JobPage:
    """My jobs, the newest first."""
    if all_owners or owner not in {None, caller.name}:
        demand_admin(caller, "Seeing others' jobs")
    if cursor and not is_job_id(cursor):
        raise Problem(INVALID_CURSOR, INVALID_CURSOR.example)
    jobs = service.jobs.newest(None if all_owners else owner or caller.name, cursor)
    items: list[JobView] = []
    last = None
    for job in islice(jobs, LOOKED_AT):
        last = job.id
        if state in {None, job.state}:
            items.append(job.view())
        if len(items) == limit:
            break
    return JobPage(items=items, cursor=last if next(jobs, None) else None)


@router.get("/v1/jobs/{job_id}", responses=refusals(NO_SUCH_JOB, INVALID))
def show_job(job_id: JobId, caller: Viewer, service: Wired) -> JobView:
    """One job as it stands."""
    return find(service, caller, job_id).job.view()


class Counters(BaseModel):
    """What a job's committed tasks counted, by group and name: the job's own, and in `fanfold` what every job has."""

    counters: dict[str, dict[str, int]] = Field(examples=[{"words": {"long": 12}, "fanfold": {"input_records": 40}}])


@router.get("/v1/jobs/{job_id}/counters", responses=refusals(NO_SUCH_JOB, INVALID))
def show_counters(job_id: JobId, caller: Viewer, service: Wired) -> Counters:
    """A job's counters. They are exact whatever died and ran twice; while the job runs they are those so far."""
    return Counters(counters=find(service, caller, job_id).job.counters)


@router.post(
    "/v1/jobs/{job_id}/cancel", status_code=202, responses=refusals(NO_SUCH_JOB, JOB_FINAL, INVALID, CONTENDED)
)
def cancel_job(job_id: JobId, caller: Submitter, service: Wired) -> JobView:
    """Ask for the job to end. It is `cancelled` once its workers have ended; asking twice does no harm."""
    for _ in range(_TRIES):
        held = find(service, caller, job_id)
        if held.job.desired == "cancel":
            return held.job.view()
        if held.job.state.final:
            raise Problem(JOB_FINAL, f"Job {job_id} has {held.job.state} already: there is nothing to cancel.")
        after = held.job.changed(desired="cancel")
        if service.jobs.change(held, after):
            service.reconciler.look_at(job_id)
            return after.view()
    raise Problem(CONTENDED, "The job kept changing. Try again.", headers={"Retry-After": "1"})


def find(service: Service, caller: Caller, job_id: str) -> Held:
    """The job, if the caller may see it: somebody else's is not there. Raises Problem (404)."""
    held = service.jobs.find(job_id)
    if held is None or not _may_see(caller, held.job):
        raise Problem(NO_SUCH_JOB, f"There is no job {job_id[:80]!r} of yours. List yours with GET /v1/jobs.")
    return held


def _may_see(caller: Caller, job: Job) -> bool:
    return caller.is_admin or caller.name == job.owner
