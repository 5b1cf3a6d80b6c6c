"""Reconciles every job that needs it: on events, on a timer and at the start. Any number of replicas may do so."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry

from fanfold.engines import Engine
from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import StorageError
from fanfold_submit.controllers.controller import Chore, Controller
from fanfold_submit.controllers.stopping import Stopping
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.meters import Meters
from fanfold_submit.queueing.entries import QUEUE
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.reconciling.leaks import mend
from fanfold_submit.reconciling.reconciler import Reconciler


class JobController(Controller):
    """Calls `Reconciler.reconcile` for each job that is due, and has the dispatcher start those that wait."""

    def __init__(
        self, reconciler: Reconciler, jobs: JobRecords, engine: Engine, seconds: float,
        queueing: Queueing | None = None, chores: Sequence[Chore] = (),
    ) -> None:  # fmt: skip
        """Reconcile jobs.

        Args:
            reconciler: takes one job's next step.
            jobs: all jobs.
            engine: says which jobs' workers have changed.
            seconds: how often all jobs are compared with all workers, in case that an event was lost.
            queueing: what starts jobs that wait, and what is counted for operators.
            chores: what else is done for all jobs now and then.
        """
        self._reconciler, self._jobs = reconciler, jobs
        self._dispatcher = queueing.dispatcher if queueing else None
        self._meters = queueing.meters if queueing else Meters.of(CollectorRegistry())
        super().__init__(
            "job",
            self._reconcile,
            {"the queue": self._queued, "the engine": lambda stopping: engine.watch(stopping.event)},
            [Chore("comparing all jobs", seconds, lambda _: self._compare()), *chores],
            self._meters.reconcile_lag.observe,
        )

    def start(self) -> None:
        """Start the threads; they begin with everything in the queue."""
        super().start()
        if self._dispatcher:
            self._dispatcher.begin(on_granted=self.enqueue)

    def stop(self) -> None:
        """Stop the threads after the steps under way. Jobs continue when a controller starts again."""
        super().stop()
        if self._dispatcher:
            self._dispatcher.stop()

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return super().alive and (self._dispatcher is None or self._dispatcher.alive)

    def _reconcile(self, job_id: str) -> float | None:
        with self._meters.reconcile_seconds.time():
            try:
                return self._reconciler.reconcile(job_id)
            except Exception as error:
                self._meters.reconcile_errors.labels(_reason(error)).inc()
                raise

    def _compare(self) -> None:
        """Compare both ways: every job that needs workers, and all workers whose job has ended."""
        queued = self._jobs.queue()[0]
        for job_id in queued:
            self.enqueue(job_id)
        self._reconciler.stop_strays()
        if self._dispatcher:
            mend(self._jobs, self._dispatcher.ledger, queued)

    def _queued(self, stopping: Stopping) -> Iterator[str]:
        """The jobs in the queue, and those that come into it."""
        job_ids, revision = self._jobs.queue()
        yield from job_ids
        with stopping.closing(self._jobs.watch_queue(revision + 1)) as changes:
            yield from (change.key.removeprefix(QUEUE) for change in changes if change.value is not None)


def _reason(error: Exception) -> str:
    """The label under which an error is counted."""
    if isinstance(error, EngineError):
        return "engine"
    return "store" if isinstance(error, StorageError) else "bug"
