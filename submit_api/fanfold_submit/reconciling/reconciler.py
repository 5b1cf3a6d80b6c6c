"""Reconciles one job: compares its record, its tree and its workers, and takes the next step.

The tree is the source of truth: a report or a failure there decides. The engine says whether workers are running. After
a crash at any point, any replica may reconcile the job again: names are deterministic, changes are compare-and-set.
"""

import time
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from fanfold.engines import Engine, Handle, Observation, Phase
from fanfold.engines.protocol import EngineError, Foreign, Pending
from fanfold.errors import Refused
from fanfold.planning import next_run, planner
from fanfold_steps.failure.wording import quantity
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.progress import Progress
from fanfold_storage.errors import StorageError, TooLarge
from fanfold_storage.urls import open_objects
from fanfold_submit.jobs.failures import (
    JOB_FAILED,
    JOB_REFUSED,
    NAME_TAKEN,
    WORKERS_LOST,
    members_of,
    message_of,
    printable,
)
from fanfold_submit.jobs.job import Job, State, Workflow, metered, stages_of
from fanfold_submit.jobs.job_records import JobAtRevision, JobRecords
from fanfold_submit.jobs.listed import VERSION
from fanfold_submit.jobs.outputs.replacing import make_ready, put_output_in_place
from fanfold_submit.jobs.places import Places
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.queueing.view import Wait
from fanfold_submit.reconciling.closing import Closing
from fanfold_submit.refusals import AuthAway, ReachLost
from fanfold_submit.runs.reach import Reach
from fanfold_submit.runs.workflows import keep_workflow
from fanfold_submit.storing.stored import StoredBytes
from fanfold_submit.watching.trees import WatchedTrees
from fanfold_web.clock import timestamp
from fanfold_web.http.problem_types import ProblemType
from fanfold_web.log import logger

log = logger("fanfold_submit")
DISPATCHES_AGAIN = 3  # without a task committed in between
_TOO_LARGE = "The job failed, and its record is too large to be stored. Submit it with fewer inputs."
SHORTEST, LONGEST = 0.2, 3.0  # seconds until a running job is reconciled again
LONGEST_REASON = 1000  # characters of why pods can't start
SEEN = 1.0  # seconds for which workers that were seen running are assumed to be running


class Reconciler:
    """Takes jobs through their states."""

    def __init__(
        self, jobs: JobRecords, engine: Engine, places: Places, reach: Reach, queueing: Queueing, stored: StoredBytes
    ) -> None:
        self._jobs = jobs
        self._ledger, self._meters = queueing.ledger, queueing.meters
        self._engine = engine
        self._places, self._reach = places, reach
        self._now = queueing.now
        self.trees = WatchedTrees()
        """What this process has read of the trees of jobs that run."""
        self._closing = Closing(jobs, engine, places, queueing.ledger, stored, self.trees, queueing.now)
        self._seen_active: dict[str, tuple[Handle, float, Observation]] = {}

    def reconcile(self, job_id: str) -> float | None:
        """Take the job's next step. Return the seconds until the one after it, None if there is nothing left to do.

        Raises:
            EngineError, StorageError: the engine or a store is unavailable; try again later.
        """
        current = self._jobs.find(job_id)
        if current and current.job.lists != VERSION and self._jobs.list_again(job_id):
            current = self._jobs.find(job_id)  # a replica of the version before the lists has stored it
        if current is None or (current.job.state.final and not self._jobs.is_queued(current.job)):
            self._forget(job_id)  # another replica may have cleaned up
            return None
        if current.job.state.final:
            again = self._closing.close(current)
            if again is None:
                self._forget(job_id)
            return again
        if self._must_wait(current.job):
            return None  # whoever grants it workers puts it into the queue
        after = metered(current.job, self._step(current.job), self._now())
        if after != current.job and not self._change(current, after):
            self._undo_dispatch(current.job, after)
            return 0.0
        self._count(current.job, after)
        return 0.0 if after.state.final else self._pace(after)

    def _change(self, current: JobAtRevision, after: Job) -> bool:
        """Store the change. A job too large for a record ends here, since its record could never be written.

        One that is to be cancelled goes on without what its tree shows.
        """
        job = current.job
        try:
            return self._jobs.change(current, after)
        except TooLarge as error:
            log.warning("job %s can't be stored as %s: %s", after.id, after.state, error)
            if job.desired == "cancel":
                small = job.changed(state=after.state, workflow=after.workflow, finished=after.finished)
            else:
                small = self._failed(job, JOB_FAILED, _TOO_LARGE)
            return self._jobs.change(current, small)

    def _count(self, job: Job, after: Job) -> None:
        """Count what this step has changed, for operators."""
        self._meters.worker_seconds.inc(after.worker_seconds - job.worker_seconds)
        if after.workflow and not job.workflow:
            self._meters.dispatches.inc()
        if after.state.final:
            self._meters.ended.labels(after.state.value).inc()

    def stop_strays(self) -> None:
        """Stop workers of jobs that have ended: those that were started while their job was being cancelled."""
        for job_id, handle in self._engine.active():
            current = self._jobs.find(job_id)
            if current and current.job.state.final and not self._jobs.is_queued(current.job):
                log.warning("job %s is %s but has workers; stopping them", job_id, current.job.state)
                self._engine.cancel(handle)

    def _must_wait(self, job: Job) -> bool:
        """Whether the job has neither workers nor the right to start some; then it waits for that."""
        if job.workflow or not job.admitted or job.desired == "cancel" or self._ledger.holds(job.id):
            return False
        self._ledger.wait(job.entry)
        return True

    def _step(self, job: Job) -> Job:
        """What the record should say now; starts or stops workers as needed."""
        if job.runs > 1 and job.state is State.QUEUED and job.desired == "run":
            return self._dispatch(job)  # what its tree says is about the run before, until that is cleared away
        # Before the tree: workers that had ended before it was read can't change it.
        workers = self._workers(job)
        progress = self._progress(job)
        job = self._with_progress(job, progress)
        if not job.admitted:
            return self._followed(job, progress, workers.phase)
        if job.desired == "cancel":  # whatever the tree says by now: the request was answered with 202
            return self._cancel(job, workers.phase)
        if progress.report is not None:
            return self._succeeded(job)
        if progress.failure is not None:
            return self._failed_by(job, progress.failure)
        if job.workflow is None:
            return self._dispatch(job)
        if workers.stopped:  # in the Argo UI, or by `argo stop`: who did that doesn't want it started again
            log.info("the workers of job %s were stopped by somebody else: cancelling it", job.id)
            return job.changed(desired="cancel")
        if workers.hopeless:
            return self._failed(job, WORKERS_LOST, f"The workers can't do the job. {workers.message}{progress.place}.")
        return self._with_pending(job, workers.pending) if workers.phase is Phase.ACTIVE else self._lost(job, workers)

    def _followed(self, job: Job, progress: Progress, phase: Phase) -> Job:
        """A job that its Workflow has started: nothing is done to it, whatever becomes of its workers.

        While the Workflow runs, it may still be retried; what became of one in another namespace, only the tree says.
        """
        if progress.report is not None:
            return self._ended(job, State.SUCCEEDED)
        if progress.failure is not None and phase is not Phase.ACTIVE:
            return self._failed_by(job, progress.failure)
        if phase is Phase.ENDED:
            return self._failed(job, WORKERS_LOST, "The job's Workflow has ended without a result: look at its pods.")
        return job

    def _workers(self, job: Job) -> Observation:
        """The state of its workers. They count as running while the engine is unavailable: the tree decides anyway."""
        if job.handle is None:
            return Observation(Phase.GONE)
        seen = self._seen_active.get(job.id)
        if job.desired == "run" and seen and seen[0] == job.handle and time.monotonic() - seen[1] < SEEN:
            return seen[2]
        try:
            observation = self._engine.observe(job.handle)
        except EngineError as error:
            log.warning("cannot observe the workers of job %s: %s", job.id, error)
            return Observation(Phase.ACTIVE)
        if observation.phase is Phase.ACTIVE and not observation.hopeless:
            self._seen_active[job.id] = (job.handle, time.monotonic(), observation)
        return observation

    def _progress(self, job: Job) -> Progress:
        """What its tree says. A job that is to be cancelled needs no tree: whatever is wrong with it, it ends."""
        try:
            return self.trees.of(job).read()
        except StorageError as error:
            if job.desired != "cancel":
                raise
            log.warning("cannot read the tree of job %s, which is being cancelled: %s", job.id, error)
            return Progress("waiting", [])

    def _dispatch(self, job: Job) -> Job:
        """Start its workers, if it may still reach what it was admitted for; it waits while nobody can say so."""
        try:
            self._reach.demand(job)
        except ReachLost as error:
            return self._failed(job, JOB_REFUSED, error.detail)
        except AuthAway:
            message = f"The auth service doesn't answer, and only it knows whether {job.owner!r} is still in the team."
            return job.changed(waiting=Wait(reason="auth", message=message))
        try:
            if job.runs > 1:
                next_run.prepare(job.plan)
            make_ready(job)
            planner.write(job.plan)
            plan = self._places.confined(job.plan, job.owner_id, job.team)
            if manifest := self._engine.manifest(plan):
                keep_workflow(open_objects(self._places.root), job, manifest)
            handle = self._engine.submit(plan)
        except Foreign as error:
            return self._failed(job, NAME_TAKEN, f"The job's workers can't be started: {error}. Submit it again.")
        except Refused as error:
            return self._failed(job, JOB_REFUSED, str(error))
        state = State.DISPATCHED if job.state is State.QUEUED else job.state
        fields = {"workflow": Workflow(**asdict(handle)), "dispatched": timestamp(self._now()), "waiting": None}
        return job.changed(state=state, **fields)

    def _succeeded(self, job: Job) -> Job:
        """The output is complete; if it replaces another one, it takes that one's place now."""
        try:
            return self._ended(put_output_in_place(job), State.SUCCEEDED)
        except Refused as error:
            return self._failed(job, JOB_REFUSED, str(error))

    def _lost(self, job: Job, workers: Observation) -> Job:
        """The workers ended without a result: start them again, unless that was fruitless too often.

        Those of a service that was restarted or killed had no time to bear fruit.
        """
        if workers.abandoned:
            return job.changed(workflow=None)
        if job.fruitless >= DISPATCHES_AGAIN:
            times = quantity(job.fruitless + 1, "time")
            why = workers.message or "The reason is unknown."
            detail = f"The workers ended {times} without committing a task. {why}"
            return self._failed(job, WORKERS_LOST, detail)
        why = workers.message or "reason unknown"
        log.warning("restarting the workers of job %s, which are %s: %s", job.id, workers.phase, why)
        return job.changed(workflow=None, fruitless=job.fruitless + 1)

    def _cancel(self, job: Job, phase: Phase) -> Job:
        """Stop the workers; the job is final only when none is running."""
        handle = job.handle or self._unrecorded(job)
        if handle and (phase is Phase.ACTIVE or not job.handle):
            self._engine.cancel(handle)
            return job.changed(workflow=Workflow(**asdict(handle)))
        return self._ended(job, State.CANCELLED)

    def _unrecorded(self, job: Job) -> Handle | None:
        """Workers that were started by a replica that could not record it."""
        return next((handle for job_id, handle in self._engine.active() if job_id == job.id), None)

    def _undo_dispatch(self, job: Job, after: Job) -> None:
        """The record changed while workers were started: if the job is to be cancelled, stop them."""
        current = self._jobs.find(job.id)
        if current and current.job.desired == "cancel" and not job.handle and after.handle:
            self._engine.cancel(after.handle)

    def _forget(self, job_id: str) -> None:
        self.trees.forget(job_id)
        self._seen_active.pop(job_id, None)

    def _with_progress(self, job: Job, progress: Progress) -> Job:
        """The job with what its tree shows; what was recorded stays, even if the tree is gone."""
        if not progress.stages:
            return job
        stages = stages_of(progress)
        fields: dict[str, Any] = {"stages": stages, "counters": progress.counters}
        if sum(step.done for stage in stages for step in stage.steps) > job.tasks_done:
            fields["fruitless"] = 0
        if job.state.rank < State.RUNNING.rank:
            fields |= {"state": State.RUNNING, "started": timestamp(self._now())}
        return job.changed(**fields)

    def _with_pending(self, job: Job, pending: Pending | None) -> Job:
        """The job with what keeps some of its pods from starting, in its owner's names."""
        wait = None
        if pending:
            message = printable(self._places.redact(pending.message, job.owner_id))
            wait = Wait.model_validate({"reason": pending.reason, "message": message[:LONGEST_REASON]})
        return job if wait == job.waiting else job.changed(waiting=wait)

    def _failed(self, job: Job, problem_type: ProblemType, detail: str, **members: Any) -> Job:
        """The job with the reason why it failed, in its owner's names."""
        error = problem_type.problem(printable(self._places.redact(detail, job.owner_id)), **members)
        return self._ended(job, State.FAILED, error)

    def _failed_by(self, job: Job, failure: Failure) -> Job:
        """`failed.json` as a problem: what failed, at which task and record, and the user's own traceback."""
        redact = partial(self._places.redact, owner_id=job.owner_id)
        return self._failed(job, JOB_FAILED, message_of(failure, redact), **members_of(failure, redact))

    def _ended(self, job: Job, state: State, error: dict[str, Any] | None = None) -> Job:
        log.info("job %s has %s", job.id, state)
        return job.changed(state=state, finished=timestamp(self._now()), error=error, waiting=None)

    def _pace(self, job: Job) -> float:
        """Seconds until the next step. Those of young jobs are short, so that a short job is not kept waiting."""
        if job.workflow is None:
            return float(min(2**job.fruitless, 10))
        if job.desired == "cancel":
            return 1.0
        return min(LONGEST, max(SHORTEST, self._seconds_since(job.dispatched or job.created) / 10))

    def _seconds_since(self, moment: str) -> float:
        return self._now() - datetime.fromisoformat(moment).timestamp()
