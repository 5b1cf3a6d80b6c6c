"""Looks at every job that needs it: on events, on a timer and at the start. Any number of replicas may do so."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from fanfold.engines import Engine
from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import StorageError
from fanfold_storage.records import Watch
from fanfold_submit.agenda import Agenda
from fanfold_submit.dispatcher import Dispatcher
from fanfold_submit.places import Places
from fanfold_submit.register import QUEUE, Register

log = logging.getLogger("fanfold_submit")
AT_ONCE = 4  # jobs looked at at the same time
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
IDLE = 1.0


class Reconciler:
    """Threads that call `Dispatcher.look` when a job is due. One job's errors never stop the others."""

    def __init__(
        self, jobs: Register, engine: Engine, places: Places, now: Callable[[], float], seconds: float
    ) -> None:
        self._jobs = jobs
        self._engine = engine
        self._dispatcher = Dispatcher(jobs, engine, places, now)
        self._seconds = seconds
        self._agenda = Agenda()
        self._stop = threading.Event()
        self._watch: Watch | None = None
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, int] = {}

    def start(self) -> None:
        """Begin; everything in the queue is looked at first."""
        for run in (self._work, self._follow_queue, self._follow_engine):
            thread = threading.Thread(target=run, name=f"reconciler{run.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End; looks under way are finished. Jobs go on when a reconciler starts again."""
        self._stop.set()
        self._agenda.close()
        if self._watch:
            self._watch.close()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def look_at(self, job_id: str) -> None:
        """Look at the job now, not when its time comes."""
        self._agenda.put(job_id, 0.0)

    def _work(self) -> None:
        compare_at = 0.0
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look") as pool:
            while not self._stop.is_set():
                if time.monotonic() >= compare_at:
                    compare_at = time.monotonic() + self._seconds * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
                    pool.submit(self._compare_all)
                job_id = self._agenda.take(IDLE)
                if job_id is not None:
                    pool.submit(self._look, job_id)

    def _look(self, job_id: str) -> None:
        again: float | None = None
        try:
            again = self._dispatcher.look(job_id)
            self._failures.pop(job_id, None)
        except (StorageError, EngineError) as error:
            again = self._back_off(job_id)
            log.warning("looking at job %s again in %.1f s: %s", job_id, again, error)
        except Exception:
            again = self._back_off(job_id)
            log.exception("a defect met job %s; looking at it again in %.1f s", job_id, again)
        finally:
            self._agenda.done(job_id, again)

    def _back_off(self, job_id: str) -> float:
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        return _jittered(min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** (failures - 1)))

    def _compare_all(self) -> None:
        """Both ways: every job that needs workers, and all workers whose job is over."""
        try:
            for job_id in self._jobs.queue()[0]:
                self._agenda.put(job_id, 0.0)
            self._dispatcher.stop_strays()
        except (StorageError, EngineError) as error:
            log.warning("comparing all jobs failed, it is tried again: %s", error)
        except Exception:
            log.exception("a defect met comparing all jobs")

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
        """Look at every job that a watch names. A watch that ends or breaks is opened again, ever more slowly."""
        wait = FIRST_BACKOFF
        while not self._stop.is_set():
            try:
                for job_id in watch():
                    self._agenda.put(job_id, 0.0)
                    wait = FIRST_BACKOFF
            except (StorageError, EngineError) as error:
                log.warning("watching %s broke off, it is opened again: %s", what, error)
            except Exception:
                log.exception("a defect met watching %s", what)
            self._stop.wait(_jittered(wait))
            wait = min(LONGEST_BACKOFF, wait * 2)


def _jittered(seconds: float) -> float:
    """Somewhat less, so that replicas and jobs don't come back together."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
