"""Grants workers to the jobs that wait, whenever something has changed. Any number of replicas may do so."""

from collections.abc import Callable, Iterator

from fanfold_storage.records import Change
from fanfold_submit.controllers.controller import Controller
from fanfold_submit.controllers.stopping import Stopping
from fanfold_submit.queueing.entries import TOTALS, WAITING, Entry, job_of
from fanfold_submit.queueing.ledger import Ledger
from fanfold_submit.queueing.totals import Totals
from fanfold_submit.queueing.waiting import Waiting

_ALL = "that wait"
"""The only key: one decision is about all jobs."""


class Dispatcher(Controller):
    """Decides who starts: after each change of what waits and runs, and now and then without one."""

    def __init__(self, ledger: Ledger, waiting: Waiting, seconds: float) -> None:
        """Without news, it looks every so many seconds."""
        super().__init__("jobs", self._grant, {"what waits and runs": self._changes})
        self.ledger = ledger
        self._waiting, self._seconds = waiting, seconds
        self._on_granted: Callable[[str], object] = lambda _: None
        self._is_loaded = False

    def begin(self, on_granted: Callable[[str], object]) -> None:
        """Start the threads; `on_granted` is called with the id of each job that has been granted its workers."""
        self._on_granted = on_granted
        self._waiting.listen(lambda: self.enqueue(_ALL))
        self.start()

    def _grant(self, _: str) -> float | None:
        if not self._is_loaded:  # what isn't known can't have its turn
            return None
        while granted := self.ledger.grant():
            for job in granted:
                self._on_granted(job)
        return self._seconds

    def _changes(self, stopping: Stopping) -> Iterator[str]:
        revision = self.ledger.load()
        self._is_loaded = True
        yield _ALL
        with stopping.closing(self.ledger.watch(revision + 1)) as changes:
            for change in changes:
                if self._see(change):
                    yield _ALL

    def _see(self, change: Change) -> bool:
        """Take note of a change; whether it may let another job start."""
        if change.key == TOTALS:
            self._waiting.see(Totals.of(change.value) if change.value else Totals())
            return True
        if not change.key.startswith(WAITING):
            return False
        if change.value is None:
            self._waiting.drop(change.key, job_of(change.key))
            return False
        self._waiting.add(Entry.of(change.value))
        return True
