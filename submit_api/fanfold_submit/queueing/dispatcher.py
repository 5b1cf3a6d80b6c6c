"""Grants workers to the jobs that wait, whenever something has changed. Any number of replicas may do so."""

import random
import threading
from collections.abc import Callable

from fanfold_storage.errors import StorageError
from fanfold_storage.records import Change, Watch
from fanfold_submit.queueing.entries import TOTALS, WAITING, Entry, job_of
from fanfold_submit.queueing.ledger import Ledger
from fanfold_submit.queueing.totals import Totals
from fanfold_submit.queueing.waiting import Waiting
from fanfold_web.log import logger

log = logger("fanfold_submit")
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 30.0  # seconds


class Dispatcher:
    """Two threads: one follows the records of what waits and runs, one decides who starts."""

    def __init__(self, ledger: Ledger, waiting: Waiting, seconds: float) -> None:
        """Without news, it looks every so many seconds."""
        self.ledger = ledger
        self._waiting, self._seconds = waiting, seconds
        self._stop = threading.Event()
        self._loaded = threading.Event()
        self._watch: Watch | None = None
        self._threads: list[threading.Thread] = []

    def start(self, on_granted: Callable[[str], None]) -> None:
        """Start the threads; `on_granted` is called with the id of each job that has been granted its workers."""
        for run in (self._follow, lambda: self._grant(on_granted)):
            thread = threading.Thread(target=run, name="dispatcher", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the threads."""
        self._stop.set()
        self._loaded.set()
        self._waiting.wake()
        if self._watch:
            self._watch.close()
        for thread in self._threads:
            thread.join(timeout=10)

    @property
    def alive(self) -> bool:
        """Whether both threads run."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _grant(self, on_granted: Callable[[str], None]) -> None:
        self._loaded.wait()  # what isn't known can't have its turn
        wait = FIRST_BACKOFF
        while not self._stop.is_set():
            try:
                while granted := self.ledger.grant():
                    for job in granted:
                        on_granted(job)
                wait = FIRST_BACKOFF
                self._waiting.wait_for_news(self._seconds)
            except StorageError as error:
                log.warning("starting jobs that wait failed; trying again: %s", error)
                wait = self._pause(wait)
            except Exception:
                log.exception("a bug kept jobs waiting")
                wait = self._pause(wait)

    def _follow(self) -> None:
        wait = FIRST_BACKOFF
        while not self._stop.is_set():
            try:
                self._watch = self.ledger.watch(self.ledger.load() + 1)
                self._loaded.set()
                if not self._stop.is_set():
                    for change in self._watch:
                        self._see(change)
                        wait = FIRST_BACKOFF
            except StorageError as error:
                log.warning("the watch of the jobs that wait broke; opening it again: %s", error)
            except Exception:
                log.exception("a bug stopped the watch of the jobs that wait")
            finally:
                if self._watch:
                    self._watch.close()
            wait = self._pause(wait)

    def _see(self, change: Change) -> None:
        if change.key == TOTALS:
            self._waiting.see(Totals.of(change.value) if change.value else Totals())
        elif change.key.startswith(WAITING):
            if change.value is None:
                self._waiting.drop(change.key, job_of(change.key))
            else:
                self._waiting.add(Entry.of(change.value))

    def _pause(self, seconds: float) -> float:
        """Wait somewhat less than so many seconds, so that replicas don't come back together. Return the next pause."""
        self._stop.wait(seconds * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
        return min(LONGEST_BACKOFF, seconds * 2)
