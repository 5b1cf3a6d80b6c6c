"""The records of what waits and what runs, changed by compare-and-set: whichever replica decides, limits hold.

Every change is one transaction that expects the totals to be unchanged. So two replicas never fill the same room, and a
crash leaves no change half made.
"""

import threading
import time
from collections.abc import Callable, Iterable
from random import SystemRandom
from typing import TypeVar

from fanfold_storage.errors import Unavailable
from fanfold_storage.records import Conflict, Expect, Record, Records, Watch, Write, scan_all
from fanfold_submit.queueing.choosing import choose
from fanfold_submit.queueing.entries import HELD, QUEUE, SLOTS, TOTALS, WAITING, Entry
from fanfold_submit.queueing.limits import Limits
from fanfold_submit.queueing.totals import Totals
from fanfold_submit.queueing.waiting import Waiting
from fanfold_web.log import logger

log = logger("fanfold_submit")
T = TypeVar("T")
AT_ONCE = 16  # jobs started by one transaction
_TRIES = 100
_LONGEST_PAUSE = 0.1  # seconds between two tries


class Ledger:
    """Grants workers to jobs that wait, and takes them back. Every method may raise StorageError."""

    def __init__(self, records: Records, waiting: Waiting, limits: Limits, now: Callable[[], float]) -> None:
        self._records, self._waiting, self._limits, self._now = records, waiting, limits, now
        self._one = threading.Lock()  # threads of one process would only get in each other's way

    def load(self) -> int:
        """Read what waits and what runs into memory. Return the revision at which that was so."""
        page = scan_all(self._records, SLOTS)
        totals = next((record for record in page.records if record.key == TOTALS), None)
        entries = [Entry.of(record.value) for record in page.records if record.key.startswith(WAITING)]
        self._waiting.reset(entries, _totals_of(totals))
        return page.revision

    def watch(self, from_revision: int) -> Watch:
        """Changes of what waits and what runs."""
        return self._records.watch(SLOTS, from_revision)

    def holds(self, job: str) -> bool:
        """Whether the job has been granted its workers, and hasn't given them back."""
        return self._records.get(HELD + job) is not None

    def grant(self) -> list[str]:
        """Grant workers to as many jobs as there is room for, at most AT_ONCE; the ids of those jobs."""
        return self._repeated(self._grant)

    def release(self, job: str) -> None:
        """Take a job's workers back, which have stopped; does nothing if that was done before."""
        if self.holds(job):
            self._repeated(lambda: self._release(job))
            self._waiting.wake()

    def wait(self, entry: Entry) -> None:
        """Let a job wait that is in the queue and has no workers, such as one from before there were limits."""
        queued = self._records.get(QUEUE + entry.job)
        if queued:
            expected = [Expect(queued.key, queued.revision), Expect(entry.key, 0), Expect(HELD + entry.job, 0)]
            writes = [Write(queued.key, None), Write(entry.key, entry.value())]
            if not isinstance(self._records.transact(expected, writes), Conflict):
                self._waiting.add(entry)

    def enroll(self, entry: Entry) -> None:
        """Count a job that runs though nobody granted it workers: another version of this service started it."""
        self._repeated(lambda: self._enroll(entry))

    def held(self) -> list[str]:
        """The ids of the jobs that hold workers. Totals that aren't their sums, which is a bug, are mended."""
        page = scan_all(self._records, TOTALS)
        record = next((record for record in page.records if record.key == TOTALS), None)
        entries = [Entry.of(record.value) for record in page.records if record.key.startswith(HELD)]
        totals, sums = _totals_of(record), _sums(entries, self._now())
        if totals.running != sums.running:
            log.error("what runs didn't add up (%s instead of %s)", totals.running, sums.running)
            totals.running = sums.running
            self._records.transact([Expect.as_read(TOTALS, record)], [Write(TOTALS, totals.value())])
        return [entry.job for entry in entries]

    def _grant(self) -> list[str] | None:
        record = self._records.get(TOTALS)
        totals, now = _totals_of(record), self._now()
        totals.forget_passed(self._waiting.waits)
        chosen = choose(self._waiting.heads(AT_ONCE), totals, self._limits, now, AT_ONCE)
        if not chosen:
            return []
        found = self._records.get_many([entry.key for entry in chosen])
        gone = [entry for entry in chosen if entry.key not in found]  # cancelled, or granted by another replica
        for entry in gone:
            self._waiting.drop(entry.key, entry.job)
        if gone:
            return None
        expected = [Expect.as_read(TOTALS, record), *(Expect(one.key, one.revision) for one in found.values())]
        writes = [Write(TOTALS, totals.value())]
        for entry in chosen:
            writes += [Write(entry.key, None), _held(entry, now), Write(QUEUE + entry.job, {"job": entry.job})]
        if isinstance(self._records.transact(expected, writes), Conflict):
            return None
        for entry in chosen:
            self._waiting.drop(entry.key, entry.job)
        return [entry.job for entry in chosen]

    def _release(self, job: str) -> bool | None:
        record, held = self._records.get(TOTALS), self._records.get(HELD + job)
        if held is None:
            return True
        totals = _totals_of(record)
        totals.release(Entry.of(held.value), self._now())
        expected = [Expect.as_read(TOTALS, record), Expect(held.key, held.revision)]
        return self._written(expected, [Write(TOTALS, totals.value()), Write(held.key, None)])

    def _enroll(self, entry: Entry) -> bool | None:
        record, held = self._records.get(TOTALS), self._records.get(HELD + entry.job)
        if held is not None:
            return True
        totals, now = _totals_of(record), self._now()
        totals.grant(entry, now)
        expected = [Expect.as_read(TOTALS, record), Expect(HELD + entry.job, 0)]
        return self._written(expected, [Write(TOTALS, totals.value()), _held(entry, now)])

    def _written(self, expected: list[Expect], writes: list[Write]) -> bool | None:
        return None if isinstance(self._records.transact(expected, writes), Conflict) else True

    def _repeated(self, attempt: Callable[[], T | None]) -> T:
        """What the first attempt returns that isn't None, as it is if another replica has changed the totals."""
        with self._one:
            for number in range(_TRIES):
                if (done := attempt()) is not None:
                    return done
                time.sleep(SystemRandom().uniform(0, min(_LONGEST_PAUSE, 0.001 * 2.0**number)))
        raise Unavailable(f"the record {TOTALS} kept changing: try again")


def _totals_of(record: Record | None) -> Totals:
    return Totals.of(record.value) if record else Totals()


def _sums(entries: Iterable[Entry], now: float) -> Totals:
    totals = Totals()
    for entry in entries:
        totals.grant(entry, now)
    return totals


def _held(entry: Entry, now: float) -> Write:
    return Write(HELD + entry.job, entry.value() | {"since": round(now, 3)})
