"""What is being cleared at the moment, in one record, which whoever admits a job compares the job with.

submit/clearing   {"keys": […], "since": seconds}

Clearing writes the keys, sees that no job names them, deletes the objects and takes the keys off the record again.
Admitting a job expects the record to be as it was before the job was checked. So a job either is admitted before the
keys are written, and clearing sees it; or it is checked again, and refused if it names one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fanfold_storage.records import Conflict, Expect, Records, Write

GOING = "submit/clearing"
MOST_AT_ONCE = 200  # keys
LEASE = 600.0  # seconds after which a replica that has not finished is given up


@dataclass(frozen=True, slots=True)
class Going:
    """Keys of objects, and prefixes of keys that end with a slash, that are being cleared."""

    keys: frozenset[str]
    since: float
    revision: int

    @classmethod
    def now(cls, records: Records) -> "Going":
        """What the record says now."""
        record = records.get(GOING)
        if record is None:
            return cls(frozenset(), 0.0, 0)
        return cls(frozenset(record.value["keys"]), record.value["since"], record.revision)

    @property
    def expectation(self) -> Expect:
        """Holds as long as nothing else has begun to be cleared."""
        return Expect(GOING, self.revision)

    def first_of(self, keys: Iterable[str]) -> str | None:
        """The first of some keys that is being cleared."""
        return next((key for key in keys if key in self.keys), None)

    def begin(self, records: Records, keys: Iterable[str], now: float) -> "Going | None":
        """Write down what is cleared from now on. None: another replica is clearing, or has begun meanwhile."""
        if self.keys and now - self.since < LEASE:
            return None
        going = frozenset(keys)
        revision = records.transact([self.expectation], [Write(GOING, {"keys": sorted(going), "since": now})])
        return None if isinstance(revision, Conflict) else Going(going, now, revision)

    def end(self, records: Records) -> None:
        """Nothing is cleared any more."""
        records.transact([self.expectation], [Write(GOING, {"keys": [], "since": self.since})])
