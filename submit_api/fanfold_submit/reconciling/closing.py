"""What is left to do once a job has ended: its workers stop, what they left half-written goes, its output is free.

After a crash at any point, any replica may do it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fanfold.engines import Engine, Phase
from fanfold_steps.outputs.finish import sweep
from fanfold_steps.outputs.staged import staged_handles
from fanfold_steps.summary.task_table import write_table
from fanfold_steps.tree.job_tree import JobTree
from fanfold_storage.errors import StorageError, TooLarge
from fanfold_submit.jobs.job import Job, State, stages_of
from fanfold_submit.jobs.job_records import JobAtRevision, JobRecords
from fanfold_submit.jobs.outputs.replacing import tidy_up
from fanfold_submit.jobs.places import Places, shared_account
from fanfold_submit.queueing.ledger import Ledger
from fanfold_submit.storing.recount import size_of
from fanfold_submit.storing.stored import StoredBytes
from fanfold_submit.watching.trees import WatchedTrees
from fanfold_web.log import logger

log = logger("fanfold_submit")
LINGER = {State.SUCCEEDED: 60.0, State.FAILED: 15.0, State.CANCELLED: 0.0}  # seconds for workers to stop by themselves
LOOK_AGAIN = 1.0  # seconds until workers that are stopping are looked at again


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes jobs that have ended."""

    jobs: JobRecords
    engine: Engine
    places: Places
    ledger: Ledger
    stored: StoredBytes
    trees: WatchedTrees
    now: Callable[[], float]

    def close(self, current: JobAtRevision) -> float | None:
        """Do what is left. Return the seconds until the next look at the job, None once it is closed.

        What tasks have committed stays for a retry, unless the job has succeeded. Raises EngineError, StorageError.
        """
        job = current.job
        phase = self.engine.observe(job.handle).phase if job.handle and job.admitted else Phase.GONE
        if phase is Phase.ACTIVE and job.handle:
            ended = datetime.fromisoformat(job.finished or job.created).timestamp()
            if self.now() - ended >= LINGER[job.state]:
                self.engine.cancel(job.handle)
            return LOOK_AGAIN
        if self.jobs.find(job.id) != current or not self.jobs.is_queued(job):
            return 0.0  # another replica was faster; the job may be running again, or another one write to its output
        if not job.admitted:
            return None if self.jobs.close(current) else LOOK_AGAIN
        tree = JobTree.open(job.url)
        sweep(job.plan.conf, tree, () if job.state is State.SUCCEEDED else staged_handles(tree))
        after = self._as_left(job)
        size = size_of(JobTree.open(self.places.job_url(job.id)).objects, "")
        self.stored.count_tree(job.id, job.owner_id, size, writes_files=job.output is not None)
        if job.output and (area := shared_account(job.output)):
            self.stored.add(area, "files", 0, is_stale=True)
        tidy_up(job)
        self.ledger.release(job.id)
        try:
            is_closed = self.jobs.close(current, after)
        except TooLarge as error:
            log.warning("job %s can't be stored with all that its tasks did: %s", job.id, error)
            is_closed = self.jobs.close(current)
        return None if is_closed else LOOK_AGAIN  # it has changed meanwhile, as when somebody was told of its end

    def _as_left(self, job: Job) -> Job:
        """The job with what its tasks had done when the last worker had left; a table of that is written to its tree.

        The workers of a job that has succeeded have done so.
        """
        if job.state is State.SUCCEEDED:
            return job
        watched = self.trees.of(job)
        try:
            progress = watched.read()
            write_table(watched.tree, watched.table)
        except StorageError as error:  # the job has ended all the same
            log.warning("cannot keep what the tasks of job %s did: %s", job.id, error)
            return job
        is_about_run_before = job.runs > 1 and job.dispatched is None
        if is_about_run_before or not progress.stages:
            return job
        return job.settled(stages_of(progress), progress.counters)
