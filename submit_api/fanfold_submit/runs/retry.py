"""Retrying a job that failed or was cancelled: the same job goes on as its next run.

Nothing here knows HTTP. One transaction is all that is written: the reconciler prepares the tree before it starts the
new run's workers, so a crash on the way loses nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from fanfold.errors import Refused
from fanfold.planning import planner
from fanfold.planning.next_run import foreign_file, manifest_digest
from fanfold.planning.sizing import Sizing
from fanfold_steps.failure.wording import quantity
from fanfold_steps.job.spec import JobConf, JobSpec, conf_from_json
from fanfold_storage.errors import InvalidKey, PermissionDenied
from fanfold_submit.jobs.admission import Admission, demand_storable
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places, run_url
from fanfold_submit.jobs.request import Builtin, Entry, JobRequest, Spec
from fanfold_submit.jobs.specs import job_spec
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.waiting import Waiting
from fanfold_submit.refusals import (
    InputChanged,
    JobActive,
    JobFinal,
    JobRefused,
    NotAdmitted,
    OutputExists,
    PlaceRefused,
    PreconditionFailed,
)
from fanfold_submit.runs.reach import Reach
from fanfold_web.clock import timestamp
from fanfold_web.refusals import Contended, Forbidden

_TRIES = 5


class RetryRequest(BaseModel):
    """How a job is to go on. Without any field, it goes on as it was."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"run": 1, "code": {"bundle": "5a" * 32, "entry": "a:job"}}]}
    )

    run: StrictInt | None = Field(
        default=None, ge=1, description="The run that another is to follow: repeating the request then changes nothing"
    )
    code: Builtin | Entry | Spec | None = Field(default=None, description="Other code, for the same inputs and output")
    anew: StrictBool = Field(default=False, description="Discard what is committed, and begin from the beginning")


@dataclass(frozen=True, slots=True)
class Retried:
    """The job that goes on, and whether this request has made it: a repeated one changes nothing."""

    job: Job
    is_new: bool


class Retrying:
    """Gives jobs another run."""

    def __init__(
        self, jobs: JobRecords, places: Places, admission: Admission, reach: Reach, waiting: Waiting,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._jobs, self._places, self._admission, self._reach = jobs, places, admission, reach
        self._waiting, self._now = waiting, now

    def retry(self, job_id: str, request: RetryRequest, caller: Principal) -> Retried:
        """Store the job's next run. Once this returns, the job will run to a final state again, whatever crashes.

        Raises:
            Refusal: one of those in `fanfold_submit.refusals`, or Contended. Nothing was stored.
            StorageError: a store does not answer.
        """
        for _ in range(_TRIES):
            going, current = self._jobs.going(), self._jobs.visible(job_id, caller)
            if request.run is not None and current.job.runs == request.run + 1:
                return Retried(current.job, is_new=False)
            _demand_allowed(current.job, request, caller)
            self._demand_retryable(current.job, request.run)
            self._reach.demand(current.job)
            if caller.id == current.job.owner_id:
                self._admission.demand_room(caller)
            after = self._next_run(current.job, request)
            self._admission.refuse_going(after, going)
            if self._jobs.begin_run(current, after, going):
                self._waiting.add(after.entry)
                return Retried(after, is_new=True)
            writer = self._jobs.writer_of(after)
            if writer and writer != job_id:
                raise self._admission.in_use(after, writer)
        raise Contended

    def _demand_retryable(self, job: Job, run: int | None) -> None:
        """Raises NotAdmitted, PreconditionFailed, JobFinal, JobActive."""
        if not job.admitted:
            workflow = job.workflow
            again = f"argo retry -n {workflow.namespace} {workflow.name}" if workflow else "argo retry"
            raise NotAdmitted(f"Job {job.id} was started by its Workflow. Retry that: {again}")
        if run is not None and run != job.runs:
            raise PreconditionFailed(f"Job {job.id} has had {quantity(job.runs, 'run')}, not {run}. Look at it again.")
        if job.state is State.SUCCEEDED:
            raise JobFinal(f"Job {job.id} has succeeded, so there is nothing to retry. Submit it to run it again.")
        if not job.state.final:
            raise JobActive(f"Job {job.id} is {job.state}. Retry it once it has failed, or cancel it first.")
        if self._jobs.is_being_removed(job):
            raise JobActive(f"Job {job.id} is being removed. If it is still there in a while, delete it again.")
        if self._jobs.is_queued(job):
            raise JobActive(f"The workers of job {job.id} are still stopping. Try again in a moment.", retry_after=1)

    def _next_run(self, job: Job, request: RetryRequest) -> Job:
        """The job as its next run begins. Raises Refusal."""
        before = conf_from_json(job.conf)
        spec = self._spec(request, job, before)
        notes = self._admission.check_spec(spec)
        resumed = not request.anew and (request.code is None or _stays_valid(before.spec, spec))
        conf = self._conf(job, before, spec, resumed=resumed)
        self._demand_free_output(job, conf, resumed=resumed)
        url = job.url
        if not resumed:  # what the earlier code has committed stays where it is, and nobody reads it
            url = run_url(self._places.job_url(job.id), job.runs + 1)
            conf = replace(conf, output=f"{url}output/") if job.output is None else conf
        after = job.next_run(timestamp(self._now()), resumed=resumed, conf=conf.to_json(), url=url, notes=notes)
        demand_storable(after)
        return after

    def _spec(self, request: RetryRequest, job: Job, before: JobConf) -> JobSpec:
        """The spec of the job's code, or of other code; that of an entry is given what the job's workers had."""
        if request.code is None:
            return before.spec
        spec = job_spec(JobRequest(job=request.code, inputs=job.inputs, name=job.name))
        if isinstance(request.code, Entry):
            return replace(spec, resources=before.spec.resources, image=before.spec.image)
        return spec

    def _conf(self, job: Job, before: JobConf, spec: JobSpec, *, resumed: bool) -> JobConf:
        """The configuration for a spec. Raises JobRefused; InputChanged: committed tasks have read something else."""
        bundle = self._places.bundle_url(spec.bundle) if spec.bundle else None
        wheels = self._places.wheels_url()
        places = planner.Places(before.inputs, before.output, job.url, bundle, wheels, output_may_exist=True)
        sizing = Sizing(before.partitions, before.split_size, most_at_once=self._admission.most_workers(job.groups))
        try:
            conf = planner.plan(spec, places, sizing, job_id=job.id, owner=job.owner, engine=job.engine).conf
        except (Refused, PermissionDenied, InvalidKey) as error:
            raise JobRefused(self._told(error, job)) from None
        if resumed and conf.inputs_digest != before.inputs_digest:
            what = (
                f"The input of job {job.id} was changed after it was submitted, so committed tasks don't count for it."
            )
            raise InputChanged(f"{what} Retry the job anew.")
        if resumed and spec == before.spec:
            return before
        workers = before.workers if before.workers.keys() == conf.workers.keys() else conf.workers
        return replace(conf, workers=workers, params=before.params)

    def _demand_free_output(self, job: Job, conf: JobConf, *, resumed: bool) -> None:
        """Raises OutputExists: there is a file in the output, which the tasks that stay committed haven't written."""
        if job.output is None:
            return
        tree = job.url if resumed else None
        try:
            found = None if _replaces_as_before(job) else foreign_file(conf.output, tree, job.id)
        except (PermissionDenied, InvalidKey) as error:
            raise PlaceRefused(self._told(error, job)) from None
        if found is not None:
            raise OutputExists(f"{job.output} contains {found}, which is in the way. Remove it, and try again.")

    def _told(self, error: Exception, job: Job) -> str:
        detail = self._places.redact(str(error), job.owner_id)
        return detail[:1].upper() + detail[1:]


def _demand_allowed(job: Job, request: RetryRequest, caller: Principal) -> None:
    """See that the caller may give the job another run. Raises Forbidden."""
    if caller.is_admin:
        return
    if job.team is not None and job.team not in caller.teams:
        raise Forbidden(
            f"Job {job.id} reaches files of the team {job.team!r}, and {caller.name!r} isn't in it any more."
        )
    if request.code is not None and caller.id != job.owner_id:
        raise Forbidden(
            f"Only {job.owner!r} may retry job {job.id} with other code, since a job reaches all files of its owner. "
            "Retry it as it was."
        )


def _replaces_as_before(job: Job) -> bool:
    """Whether the output that the job's last worker is to delete still lies where the job writes."""
    if not job.replaces or not job.replaces.manifest:
        return False
    return manifest_digest(str(job.conf["output"])) == job.replaces.manifest


def _stays_valid(before: JobSpec, after: JobSpec) -> bool:
    """Whether tasks that the earlier code has committed count for the other code: only if the job says so."""
    return after.task_version is not None and after.task_version == before.task_version
