"""The records protocol: JSON values under ordered keys, changed by compare-and-set transactions.

A store has one revision, a number that each transaction raises by one or more; a record has the revision of its last
change. Keys are strings that sort by their UTF-8 bytes; values are JSON objects of at most 1 MiB.
Methods raise only `fanfold_storage.errors`; they are thread-safe, and each has a timeout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_MOST_AT_ONCE = 1000  # records of a page
Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A key and its value; `revision` is the revision of its last change."""

    key: str
    value: Value
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a scan. Pass `revision` and the last key to get the next page; `more` says whether there is one."""

    records: list[Record]
    revision: int
    more: bool


@dataclass(frozen=True, slots=True)
class Expect:
    """The transaction succeeds only if the key's last change has this revision; 0 means that the key is absent."""

    key: str
    revision: int

    @classmethod
    def as_read(cls, key: str, record: Record | None) -> "Expect":
        """Expect a key to be as it was read: a record that nobody has changed since, or none.

        >>> Expect.as_read("a", Record("a", {}, 7)), Expect.as_read("a", None)
        (Expect(key='a', revision=7), Expect(key='a', revision=0))
        """
        return cls(key, record.revision if record else 0)


@dataclass(frozen=True, slots=True)
class Write:
    """Set a key, or delete it with `value=None`. With `expires_in` (seconds, at least 2), the record expires."""

    key: str
    value: Value | None
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """The result of a transaction of which an expectation didn't hold: nothing was written."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch yields: a key, its new value (None: deleted or expired), and the revision of the change."""

    key: str
    value: Value | None
    revision: int


class Watch(Protocol):
    """All changes as they come, in order. Iterating blocks; `close` (from any thread) ends it."""

    def __iter__(self) -> Iterator[Change]:
        """Raises Compacted if history is gone, Unavailable if the store hasn't responded within the timeout."""

    def close(self) -> None:
        """End the iteration; safe to call twice."""


class Records(Protocol):
    """A store of records."""

    @property
    def is_local(self) -> bool:
        """Whether `get` reads a file on this machine. That takes microseconds and waits for no server and no writer, so
        an event loop can do it; going to a thread costs several times as much."""

    def get(self, key: str) -> Record | None:
        """The current record under the key (linearizable), or None."""

    def get_many(self, keys: Sequence[str]) -> dict[str, Record]:
        """The current records under at most 100 keys, all as they are at one moment, without absent ones.

        It takes one round trip.
        """

    def scan(
        self, prefix: str, *, after: str = "", before: str = "", limit: int = 100, revision: int | None = None
    ) -> Page:
        """At most `limit` records whose keys begin with `prefix`, come after `after` and before `before`, in key order.

        An empty `before` is no bound. With a `revision` (from an earlier page), the page shows the store at that
        revision. Raises Compacted.
        """

    def count(self, prefix: str, *, after: str = "", before: str = "", most: int) -> int:
        """How many records there are between such bounds; `most` (at least 1) stands for that many or more.

        No record is read.
        """

    def transact(self, expectations: Sequence[Expect], writes: Sequence[Write]) -> int | Conflict:
        """Do all writes at once if every expectation holds, otherwise none. Returns the new revision.

        There may be at most 100 expectations and writes in all, and one write per key. Raises Unknown: the response
        was lost.
        """

    def watch(self, prefix: str, from_revision: int) -> Watch:
        """Every change under `prefix` with a revision of at least `from_revision`."""

    def close(self) -> None:
        """Release connections and threads; open watches end."""


def scan_all(records: Records, prefix: str) -> Page:
    """All records whose keys begin with `prefix`, in key order, as they were at one revision. Raises Compacted."""
    page = records.scan(prefix, limit=_MOST_AT_ONCE)
    found, revision = page.records, page.revision
    while page.more:
        page = records.scan(prefix, after=found[-1].key, limit=_MOST_AT_ONCE, revision=revision)
        found += page.records
    return Page(found, revision, more=False)
