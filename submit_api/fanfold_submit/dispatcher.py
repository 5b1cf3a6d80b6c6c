"""One look at one job: compare its record, its tree and its workers, and take the next step.

The tree is the truth: a report or a failure there decides. The engine tells whether somebody still works. A look may be
repeated, by any replica, after a crash at any point: names are deterministic, changes are compare-and-set.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from fanfold import planner
from fanfold.engines import Engine, Handle, Phase
from fanfold.engines.protocol import EngineError, Foreign
from fanfold.planner import Refused
from fanfold_steps.finish import sweep
from fanfold_steps.progress import Progress, ProgressReader
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import TooLarge
from fanfold_submit.failures import cleaned, members_of, message_of
from fanfold_submit.jobs import Job, Stage, State, Workflow
from fanfold_submit.kinds import JOB_FAILED, JOB_REFUSED, NAME_TAKEN, WORKERS_LOST
from fanfold_submit.places import Places
from fanfold_submit.register import Held, Register
from fanfold_web.clock import timestamp
from fanfold_web.kinds import Kind
from fanfold_web.problems import problem

log = logging.getLogger("fanfold_submit")
DISPATCHES_AGAIN = 3  # without a task committed in between
_TOO_LARGE = "The job failed, and what is known of it is too large to be remembered: submit it with fewer inputs."
SHORTEST, LONGEST = 0.2, 3.0  # seconds between looks at a job
SEEN = 1.0  # seconds for which workers that were seen to work are taken to do so
LINGER = {State.SUCCEEDED: 60.0, State.FAILED: 15.0, State.CANCELLED: 0.0}  # seconds for workers to leave by themselves


class Dispatcher:
    """Takes jobs through their states."""

    def __init__(self, jobs: Register, engine: Engine, places: Places, now: Callable[[], float]) -> None:
        self._jobs = jobs
        self._engine = engine
        self._places = places
        self._now = now
        self._readers: dict[str, ProgressReader] = {}
        self._seen_active: dict[str, tuple[Handle, float]] = {}

    def look(self, job_id: str) -> float | None:
        """Take the job's next step. The seconds after which to look again, None when there is nothing left to do.

        Raises:
            EngineError, StorageError: something is away; look again later.
        """
        held = self._jobs.find(job_id)
        if held is None or (held.job.state.final and not self._jobs.is_queued(held.job)):
            self._forget(job_id)  # another replica may have tidied it
            return None
        if held.job.state.final:
            return self._tidy(held.job)
        after = self._step(held.job)
        if after != held.job and not self._change(held, after):
            self._take_back(held.job, after)
            return 0.0
        return 0.0 if after.state.final else self._pace(after)

    def _change(self, held: Held, after: Job) -> bool:
        """Write it down. What is too large for a record ends the job: nobody could ever write it."""
        try:
            return self._jobs.change(held, after)
        except TooLarge as error:
            log.warning("job %s can't be remembered as %s: %s", after.id, after.state, error)
            return self._jobs.change(held, self._failed(held.job, JOB_FAILED, _TOO_LARGE))

    def stop_strays(self) -> None:
        """End workers of jobs that are over: those that were started while their job was being cancelled."""
        for job_id, handle in self._engine.active():
            held = self._jobs.find(job_id)
            if held and held.job.state.final and not self._jobs.is_queued(held.job):
                log.warning("job %s is %s but has workers: ending them", job_id, held.job.state)
                self._engine.cancel(handle)

    def _step(self, job: Job) -> Job:
        """What the record should say now; starts or ends workers as needed."""
        phase, message = self._workers(job)  # before the tree: who left before it was read can't change it any more
        progress = self._reader(job).read()
        job = self._with_progress(job, progress)
        if progress.report is not None:
            return self._ended(job, State.SUCCEEDED)
        if progress.failure is not None:
            return self._failed_by(job, progress.failure)
        if job.desired == "cancel":
            return self._cancel(job, phase)
        if job.workflow is None:
            return self._dispatch(job)
        return job if phase is Phase.ACTIVE else self._lost(job, phase, message)

    def _workers(self, job: Job) -> tuple[Phase, str]:
        """What its workers do. While the engine is away they are taken to work on: the tree decides anyway."""
        if job.handle is None:
            return Phase.GONE, ""
        handle, moment = self._seen_active.get(job.id, (None, 0.0))
        if job.desired == "run" and handle == job.handle and time.monotonic() - moment < SEEN:
            return Phase.ACTIVE, ""
        try:
            seen = self._engine.observe(job.handle)
        except EngineError as error:
            log.warning("cannot see the workers of job %s: %s", job.id, error)
            return Phase.ACTIVE, ""
        if seen.phase is Phase.ACTIVE:
            self._seen_active[job.id] = (job.handle, time.monotonic())
        return seen.phase, seen.message

    def _dispatch(self, job: Job) -> Job:
        try:
            planner.write(job.plan)
            handle = self._engine.submit(job.plan)
        except Foreign as error:
            return self._failed(job, NAME_TAKEN, f"The job's workers can't be started: {error}. Submit it anew.")
        except Refused as error:
            return self._failed(job, JOB_REFUSED, str(error))
        state = State.DISPATCHED if job.state is State.QUEUED else job.state
        return job.changed(state=state, workflow=Workflow(**asdict(handle)))

    def _lost(self, job: Job, phase: Phase, message: str) -> Job:
        """The workers left without a result: they are started again, unless that has been in vain too often."""
        if job.fruitless >= DISPATCHES_AGAIN:
            times = job.fruitless + 1
            detail = f"The workers ended {times} times without committing a task. {message or 'No reason is known.'}"
            return self._failed(job, WORKERS_LOST, detail)
        log.warning("the workers of job %s are %s without a result: %s", job.id, phase, message or "no reason known")
        return job.changed(workflow=None, fruitless=job.fruitless + 1)

    def _cancel(self, job: Job, phase: Phase) -> Job:
        """Final only when nobody works any more."""
        handle = job.handle or self._unrecorded(job)
        if handle and (phase is Phase.ACTIVE or not job.handle):
            self._engine.cancel(handle)
            return job.changed(workflow=Workflow(**asdict(handle)))
        return self._ended(job, State.CANCELLED)

    def _unrecorded(self, job: Job) -> Handle | None:
        """Workers that were started, but whose starter did not get to write it down."""
        return next((handle for job_id, handle in self._engine.active() if job_id == job.id), None)

    def _take_back(self, job: Job, after: Job) -> None:
        """Somebody changed the record while workers were started: if the job is to end, so are they."""
        held = self._jobs.find(job.id)
        if held and held.job.desired == "cancel" and not job.handle and after.handle:
            self._engine.cancel(after.handle)

    def _tidy(self, job: Job) -> float | None:
        """The job is final: see its workers off, drop what they left half-written, free its output."""
        phase = self._engine.observe(job.handle).phase if job.handle else Phase.GONE
        if phase is Phase.ACTIVE and job.handle:
            if self._seconds_since(job.finished or job.created) >= LINGER[job.state]:
                self._engine.cancel(job.handle)
            return 1.0
        sweep(job.plan.conf)
        self._jobs.close(job)
        self._forget(job.id)
        return None

    def _forget(self, job_id: str) -> None:
        self._readers.pop(job_id, None)
        self._seen_active.pop(job_id, None)

    def _with_progress(self, job: Job, progress: Progress) -> Job:
        """The job with what its tree shows; what was seen once stays, also when the tree is gone."""
        if not progress.stages:
            return job
        stages = [Stage.model_validate(asdict(stage)) for stage in progress.stages]
        fields: dict[str, Any] = {"stages": stages, "counters": progress.counters}
        if sum(step.done for stage in stages for step in stage.steps) > job.tasks_done:
            fields["fruitless"] = 0
        if job.state.rank < State.RUNNING.rank:
            fields |= {"state": State.RUNNING, "started": timestamp(self._now())}
        return job.changed(**fields)

    def _failed(self, job: Job, kind: Kind, detail: str, **members: Any) -> Job:
        """The job with why it failed, in its owner's words."""
        error = problem(kind, cleaned(self._places.told(detail, job.owner)), **members)
        return self._ended(job, State.FAILED, error)

    def _failed_by(self, job: Job, failure: dict[str, Any]) -> Job:
        """`failed.json` as a problem: whose part failed, at which task and record, and the user's own traceback."""

        def told(text: str) -> str:
            return self._places.told(text, job.owner)

        return self._failed(job, JOB_FAILED, message_of(failure, told), **members_of(failure, told))

    def _ended(self, job: Job, state: State, error: dict[str, Any] | None = None) -> Job:
        log.info("job %s has %s", job.id, state)
        return job.changed(state=state, finished=timestamp(self._now()), error=error)

    def _reader(self, job: Job) -> ProgressReader:
        if job.id not in self._readers:
            self._readers[job.id] = ProgressReader(JobTree.open(job.url))
        return self._readers[job.id]

    def _pace(self, job: Job) -> float:
        """Young jobs are looked at often, so that a short one is not kept waiting."""
        if job.workflow is None:
            return float(min(2**job.fruitless, 10))
        if job.desired == "cancel":
            return 1.0
        return min(LONGEST, max(SHORTEST, self._seconds_since(job.created) / 10))

    def _seconds_since(self, moment: str) -> float:
        return self._now() - datetime.fromisoformat(moment).timestamp()
