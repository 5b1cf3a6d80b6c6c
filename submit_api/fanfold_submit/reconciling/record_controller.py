"""Takes steps for records: whenever one changes, when its last step says so, and for all of them now and then.

Any number of replicas may do so. A step decides by what is stored, so it does no harm to take one too many.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from fanfold_storage.errors import StorageError
from fanfold_storage.records import Records, Watch, scan_all
from fanfold_submit.reconciling.work_queue import WorkQueue
from fanfold_web.log import logger
from fanfold_web.refusals import Refusal

log = logger("fanfold_submit")
AT_ONCE = 4
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0  # seconds
LOOK_AT_ALL = 300.0  # seconds between looks at all records; what changes, or is due, is looked at in time
IDLE = 1.0  # seconds to wait for a record that is due

Step = Callable[[str], float | None]


class RecordController:
    """Threads that call `step` with the rest of a key below `prefix`; it returns the seconds until its next step.

    One record's errors never stop the others: its step is taken again, after ever longer pauses.
    """

    def __init__(self, records: Records, prefix: str, step: Step) -> None:
        self._records, self._prefix, self._step = records, prefix, step
        self._queue = WorkQueue()
        self._free = threading.Semaphore(AT_ONCE)
        self._stop = threading.Event()
        self._watch: Watch | None = None
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, int] = {}

    def start(self) -> None:
        """Start the threads; they begin with all records."""
        for run in (self._work, self._follow):
            thread = threading.Thread(target=run, name=f"{self._prefix}{run.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the threads after the steps under way."""
        self._stop.set()
        self._queue.close()
        if self._watch:
            self._watch.close()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        look_at = time.monotonic() + _jittered(LOOK_AT_ALL)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=self._prefix) as pool:
            while not self._stop.is_set():
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + _jittered(LOOK_AT_ALL)
                    pool.submit(self._look_at_all)
                if not self._free.acquire(timeout=IDLE):
                    continue
                key = self._queue.take(IDLE)
                if key is None:
                    self._free.release()
                else:
                    pool.submit(self._take_step, key)

    def _take_step(self, key: str) -> None:
        again: float | None = None
        try:
            again = self._step(key)
            self._failures.pop(key, None)
        except (StorageError, Refusal) as error:
            again = self._back_off(key)
            log.warning("looking at %s%s again in %.1f s: %s", self._prefix, key, again, error)
        except Exception:
            again = self._back_off(key)
            log.exception("a bug stopped %s%s; looking at it again in %.1f s", self._prefix, key, again)
        finally:
            self._queue.done(key, again)
            self._free.release()

    def _back_off(self, key: str) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return _jittered(min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 10)))

    def _look_at_all(self) -> None:
        """Look at every record, in case that a change of it was missed, or that a clock was set."""
        try:
            self._put_all()
        except StorageError as error:
            log.warning("looking at all of %s failed; trying again: %s", self._prefix, error)
        except Exception:
            log.exception("a bug stopped the look at all of %s", self._prefix)

    def _put_all(self) -> int:
        """Make all records due. Return the revision at which they were read."""
        page = scan_all(self._records, self._prefix)
        for record in page.records:
            self._queue.put(record.key.removeprefix(self._prefix), 0.0)
        return page.revision

    def _follow(self) -> None:
        """Take a step for whatever changes. Open a watch that ends or breaks again, ever more slowly."""
        wait = FIRST_BACKOFF
        while not self._stop.is_set():
            try:
                for key in self._changes():
                    self._queue.put(key, 0.0)
                    wait = FIRST_BACKOFF
            except StorageError as error:
                log.warning("the watch of %s broke; opening it again: %s", self._prefix, error)
            except Exception:
                log.exception("a bug stopped the watch of %s", self._prefix)
            self._stop.wait(_jittered(wait))
            wait = min(LONGEST_BACKOFF, wait * 2)

    def _changes(self) -> Iterator[str]:
        self._watch = self._records.watch(self._prefix, self._put_all() + 1)
        try:
            if not self._stop.is_set():
                yield from (change.key.removeprefix(self._prefix) for change in self._watch if change.value is not None)
        finally:
            self._watch.close()


def _jittered(seconds: float) -> float:
    """Somewhat less, so that replicas and records do not come back at the same time."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
