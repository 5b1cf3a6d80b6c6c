"""Threads that take steps for keys: whenever a source names one, when its last step says so, and again after errors.

Any number of replicas may do so. A step decides by what is stored, so it does no harm to take one too many.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import StorageError
from fanfold_submit.controllers.pauses import pause_after, spread
from fanfold_submit.controllers.stopping import Stopping
from fanfold_submit.controllers.work_queue import WorkQueue
from fanfold_web.log import logger
from fanfold_web.refusals import Refusal

log = logger("fanfold_submit")
AT_ONCE = 4  # steps taken at the same time
IDLE = 1.0  # seconds to wait for a key that is due
EXPECTED = (StorageError, EngineError, Refusal)
"""Errors that pass. Any other is a bug, which is logged with its traceback; its step is taken again all the same."""

Step = Callable[[str], float | None]
"""Takes the next step for a key. Returns the seconds until the one after it, None if there is nothing left to do."""

Source = Callable[[Stopping], Iterator[str]]
"""Opens a watch that yields keys. One that ends or breaks is opened again, ever more slowly."""


@dataclass(frozen=True, slots=True)
class Chore:
    """Something done every so many seconds, a fifth more or less, and never twice at the same time."""

    what: str
    """For the log: `clearing what is old`."""
    seconds: float
    do: Callable[[Stopping], object]
    """Called with what says that it should end early."""
    at_start: bool = True


class Controller:
    """Threads that call `step` for each key that is due. One key's errors never stop the others."""

    def __init__(
        self,
        name: str,
        step: Step,
        sources: Mapping[str, Source],
        chores: Sequence[Chore] = (),
        observe_lag: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Take steps.

        Args:
            name: what stands before a key in the log, and begins the names of threads.
            step: takes one step for a key.
            sources: where keys come from, by what the log calls them.
            chores: what else is done now and then.
            observe_lag: called with the seconds for which each key that has its turn had been due.
        """
        self._name, self._step, self._sources, self._chores = name, step, sources, chores
        self._queue = WorkQueue(observe_lag)
        self._free = threading.Semaphore(AT_ONCE)  # keys wait in the queue, not in the pool, which would end them all
        self._stopping = Stopping()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, int] = {}
        self._busy: set[str] = set()

    def start(self) -> None:
        """Start the threads; they begin with the keys that the sources name first."""
        self._start("work", self._work)
        for what, source in self._sources.items():
            self._start(f"follow {what}", partial(self._follow, what, source))

    def stop(self) -> None:
        """Stop the threads after the steps under way. What is left goes on when a controller starts again."""
        self._stopping.set()
        self._queue.close()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def enqueue(self, key: str) -> None:
        """Take the key's next step now, not when its time comes."""
        self._queue.put(key, 0.0)

    def _start(self, what: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=f"controller of {self._name}: {what}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        now = time.monotonic()
        due = [now if chore.at_start else now + spread(chore.seconds) for chore in self._chores]
        with ThreadPoolExecutor(AT_ONCE + len(self._chores), thread_name_prefix=f"controller of {self._name}") as pool:
            while not self._stopping.is_set():
                for number, chore in enumerate(self._chores):
                    if time.monotonic() >= due[number] and chore.what not in self._busy:
                        due[number] = time.monotonic() + spread(chore.seconds)
                        self._busy.add(chore.what)
                        pool.submit(self._do, chore)
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
        except EXPECTED as error:
            again = self._back_off(key)
            log.warning("%s %s: trying again in %.1f s: %s", self._name, key, again, error)
        except Exception:
            again = self._back_off(key)
            log.exception("%s %s: a bug; trying again in %.1f s", self._name, key, again)
        finally:
            self._queue.done(key, again)
            self._free.release()

    def _back_off(self, key: str) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return pause_after(failures)

    def _do(self, chore: Chore) -> None:
        try:
            chore.do(self._stopping)
        except EXPECTED as error:
            log.warning("%s failed; trying again later: %s", chore.what, error)
        except Exception:
            log.exception("a bug stopped %s", chore.what)
        finally:
            self._busy.discard(chore.what)

    def _follow(self, what: str, source: Source) -> None:
        """Enqueue every key that a source names."""
        failures = 0
        while not self._stopping.is_set():
            failures += 1
            try:
                for key in source(self._stopping):
                    self.enqueue(key)
                    failures = 1
            except EXPECTED as error:
                log.warning("the watch of %s broke; opening it again: %s", what, error)
            except Exception:
                log.exception("a bug stopped the watch of %s", what)
            self._stopping.wait(pause_after(failures))
