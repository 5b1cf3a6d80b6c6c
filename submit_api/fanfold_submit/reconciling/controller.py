"""Reconciles every job that needs it: on events, on a timer and at the start. Any number of replicas may do so."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from fanfold.engines import Engine
from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import StorageError
from fanfold_storage.records import Watch
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.lists.migration import Migration
from fanfold_submit.meters import Meters
from fanfold_submit.queueing.entries import QUEUE
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.reconciling.clearing import Clearing
from fanfold_submit.reconciling.leaks import mend
from fanfold_submit.reconciling.listing import Listing
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.reconciling.work_queue import WorkQueue
from fanfold_submit.storing.recount import Recount
from fanfold_web.log import logger
from fanfold_web.refusals import Contended

log = logger("fanfold_submit")
AT_ONCE = 4  # jobs reconciled at the same time
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0  # seconds
CLEAR_SECONDS = 3600.0  # between looks for what has become old
IDLE = 1.0  # seconds to wait for a job that is due


class Controller:
    """Threads that call `Reconciler.reconcile` when a job is due. One job's errors never stop the others."""

    def __init__(
        self,
        reconciler: Reconciler,
        jobs: JobRecords,
        engine: Engine,
        seconds: float,
        clearing: Clearing | None = None,
        listing: Listing | None = None,
        migration: Migration | None = None,
        queueing: Queueing | None = None,
        recount: Recount | None = None,
    ) -> None:
        self._reconciler = reconciler
        self._jobs = jobs
        self._engine = engine
        self._seconds = seconds
        self._clearing = clearing
        self._listing = listing
        self._migration = migration
        self._recount = recount
        self._dispatcher = queueing.dispatcher if queueing else None
        self._meters = queueing.meters if queueing else Meters.of(CollectorRegistry())
        self._queue = WorkQueue(self._meters.reconcile_lag.observe)
        self._free = threading.Semaphore(AT_ONCE)  # jobs wait in the queue, not in the pool, which would end them all
        self._migrating = threading.Lock()
        self._stop = threading.Event()
        self._watch: Watch | None = None
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, int] = {}

    def start(self) -> None:
        """Start the threads; they begin with everything in the queue."""
        for run in (self._work, self._follow_queue, self._follow_engine):
            thread = threading.Thread(target=run, name=f"controller{run.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()
        if self._dispatcher:
            self._dispatcher.start(on_granted=self.enqueue)

    def stop(self) -> None:
        """Stop the threads after the steps under way. Jobs continue when a controller starts again."""
        self._stop.set()
        self._queue.close()
        if self._watch:
            self._watch.close()
        if self._dispatcher:
            self._dispatcher.stop()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        is_granting = self._dispatcher is None or self._dispatcher.alive
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads) and is_granting

    def enqueue(self, job_id: str) -> None:
        """Reconcile the job now, not when its time comes."""
        self._queue.put(job_id, 0.0)

    def _work(self) -> None:
        compare_at = clear_at = 0.0
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="reconcile") as pool:
            while not self._stop.is_set():
                if time.monotonic() >= compare_at:
                    compare_at = time.monotonic() + self._seconds * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
                    pool.submit(self._compare_all)
                    pool.submit(self._migrate)
                if time.monotonic() >= clear_at:
                    clear_at = time.monotonic() + CLEAR_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
                    pool.submit(self._clear)
                if not self._free.acquire(timeout=IDLE):
                    continue
                job_id = self._queue.take(IDLE)
                if job_id is None:
                    self._free.release()
                else:
                    pool.submit(self._reconcile, job_id)

    def _reconcile(self, job_id: str) -> None:
        again: float | None = None
        try:
            with self._meters.reconcile_seconds.time():
                again = self._reconciler.reconcile(job_id)
            self._failures.pop(job_id, None)
        except (StorageError, EngineError) as error:
            again = self._back_off(job_id, "engine" if isinstance(error, EngineError) else "store")
            log.warning("reconciling job %s again in %.1f s: %s", job_id, again, error)
        except Exception:
            again = self._back_off(job_id, "bug")
            log.exception("a bug stopped job %s; reconciling it again in %.1f s", job_id, again)
        finally:
            self._queue.done(job_id, again)
            self._free.release()

    def _back_off(self, job_id: str, reason: str) -> float:
        self._meters.reconcile_errors.labels(reason).inc()
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        return _jittered(min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** (failures - 1)))

    def _compare_all(self) -> None:
        """Compare both ways: every job that needs workers, and all workers whose job has ended. List new jobs first."""
        self._list(self._listing)
        try:
            queued = self._jobs.queue()[0]
            for job_id in queued:
                self._queue.put(job_id, 0.0)
            self._reconciler.stop_strays()
            if self._dispatcher:
                mend(self._jobs, self._dispatcher.ledger, queued)
            if self._recount:
                self._recount.count_stale()
        except (StorageError, EngineError) as error:
            log.warning("comparing all jobs failed; trying again: %s", error)
        except Exception:
            log.exception("a bug stopped the comparison of all jobs")

    def _list(self, listing: Listing | None) -> None:
        """List jobs that Workflows have started. Nothing that they left in the store keeps other jobs waiting."""
        try:
            if listing:
                listing.list_new()
        except StorageError as error:
            log.warning("listing jobs that Workflows started failed; trying again: %s", error)
        except Exception:
            log.exception("a bug stopped the listing of jobs that Workflows started")

    def _migrate(self) -> None:
        """Bring jobs from before there were lists into them; once that is done, this does nothing."""
        if self._migration is None or not self._migrating.acquire(blocking=False):
            return
        try:
            self._migration.run(self._stop.is_set)
        except (StorageError, Contended) as error:
            log.warning("bringing jobs into their lists failed; trying again: %s", error)
        except Exception:
            log.exception("a bug stopped the bringing of jobs into their lists")
        finally:
            self._migrating.release()

    def _clear(self) -> None:
        try:
            if self._clearing:
                self._clearing.clear()
            if self._recount:
                self._recount.forget_bundles()
        except StorageError as error:
            log.warning("clearing what is old failed; trying again later: %s", error)
        except Exception:
            log.exception("a bug stopped the clearing of what is old")

    def _follow_queue(self) -> None:
        self._follow("the queue", self._queue_changes)

    def _queue_changes(self) -> Iterator[str]:
        job_ids, revision = self._jobs.queue()
        yield from job_ids
        self._watch = self._jobs.watch_queue(revision + 1)
        try:
            if not self._stop.is_set():
                yield from (change.key.removeprefix(QUEUE) for change in self._watch if change.value is not None)
        finally:
            self._watch.close()

    def _follow_engine(self) -> None:
        self._follow("the engine", lambda: self._engine.watch(self._stop))

    def _follow(self, what: str, watch: Callable[[], Iterator[str]]) -> None:
        """Reconcile every job that a watch names. Open a watch that ends or breaks again, ever more slowly."""
        wait = FIRST_BACKOFF
        while not self._stop.is_set():
            try:
                for job_id in watch():
                    self._queue.put(job_id, 0.0)
                    wait = FIRST_BACKOFF
            except (StorageError, EngineError) as error:
                log.warning("the watch of %s broke; opening it again: %s", what, error)
            except Exception:
                log.exception("a bug stopped the watch of %s", what)
            self._stop.wait(_jittered(wait))
            wait = min(LONGEST_BACKOFF, wait * 2)


def _jittered(seconds: float) -> float:
    """Somewhat less, so that replicas and jobs do not come back at the same time."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
