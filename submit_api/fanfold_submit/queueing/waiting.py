"""What waits and what runs, as this replica last saw it: kept in memory by a watch, so that nobody scans a queue.

Decisions are made by compare-and-set over the records (`ledger.Ledger`); a view that lags behind only costs a try.
100,000 jobs that wait take about 30 MB.
"""

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from operator import attrgetter

from fanfold_submit.queueing.entries import Entry
from fanfold_submit.queueing.totals import Totals

_ORDER = attrgetter("order")


class Waiting:
    """The jobs that wait, each owner's in order, and the totals. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._queues: dict[str, list[Entry]] = {}
        self._totals = Totals()
        self._listener: Callable[[], object] = lambda: None
        self.version = 0
        """Grows with every change."""

    def reset(self, entries: Iterable[Entry], totals: Totals) -> None:
        """Start over from what the records hold now."""
        with self._lock:
            self._entries = {entry.job: entry for entry in entries}
            self._queues = {}
            for entry in sorted(self._entries.values(), key=_ORDER):
                self._queues.setdefault(entry.owner, []).append(entry)
            self._totals = totals
            self._tell()

    def add(self, entry: Entry) -> None:
        """A job waits, or has got another priority."""
        with self._lock:
            known = self._entries.get(entry.job)
            if known != entry:
                self._drop(known)
                self._entries[entry.job] = entry
                insort(self._queues.setdefault(entry.owner, []), entry, key=_ORDER)
            self._tell()

    def drop(self, key: str, job: str) -> None:
        """The job no longer waits under this key."""
        with self._lock:
            known = self._entries.get(job)
            if known and known.key == key:
                self._drop(known)

    def see(self, totals: Totals) -> None:
        """Other jobs run now."""
        with self._lock:
            self._totals = totals
            self._tell()

    def wake(self) -> None:
        """There may be room for another job."""
        with self._lock:
            self._tell()

    def listen(self, listener: Callable[[], object]) -> None:
        """Have `listener` called, which must return at once, whenever another job may be able to start."""
        self._listener = listener

    def waits(self, job: str) -> bool:
        """Whether the job waits."""
        return job in self._entries

    def heads(self, most: int) -> dict[str, list[Entry]]:
        """The first jobs of each owner that waits."""
        with self._lock:
            return {owner: queue[:most] for owner, queue in self._queues.items()}

    def sizes(self) -> dict[str, int]:
        """How many jobs of each owner wait."""
        with self._lock:
            return {owner: len(queue) for owner, queue in self._queues.items()}

    def find(self, job: str) -> tuple[Entry, int] | None:
        """A job that waits, and how many of its owner's come before it."""
        with self._lock:
            entry = self._entries.get(job)
            return (entry, bisect_left(self._queues[entry.owner], entry.order, key=_ORDER)) if entry else None

    @property
    def totals(self) -> Totals:
        """What runs; not to be changed."""
        return self._totals

    def _drop(self, entry: Entry | None) -> None:
        if entry is None:
            return
        self.version += 1
        del self._entries[entry.job]
        queue = self._queues[entry.owner]
        del queue[bisect_left(queue, entry.order, key=_ORDER)]
        if not queue:
            del self._queues[entry.owner]

    def _tell(self) -> None:
        self.version += 1
        self._listener()
