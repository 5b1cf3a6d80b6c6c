"""The records protocol: JSON values under ordered keys, changed by compare-and-set transactions.

A store has one revision, a number that each transaction raises by one or more; a record carries the revision of its
last change. Keys are text ordered by their UTF-8 bytes; values are JSON objects, at most 1 MiB encoded.
Every method raises only `fanfold_storage.errors`; calls are thread-safe and each has a time-out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Value = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A value as it was at `revision`, the revision of its last change."""

    key: str
    value: Value
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a scan. Pass `revision` and the last record's key to get the next one; `more` says if there is one."""

    records: list[Record]
    revision: int
    more: bool


@dataclass(frozen=True, slots=True)
class Expect:
    """The transaction goes through only if the key's last change has this revision; 0 means the key is absent."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Write:
    """Set a key, or delete it with `value=None`. With `expires_in` (seconds, at least 2) it goes by itself."""

    key: str
    value: Value | None
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A transaction's answer when an expectation did not hold: nothing was written."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch tells: a key, its new value (None: deleted or expired) and the revision of the change."""

    key: str
    value: Value | None
    revision: int


class Watch(Protocol):
    """Changes as they come, in order, none left out. Iterating blocks; `close` (from any thread) ends it."""

    def __iter__(self) -> Iterator[Change]:
        """Raises Compacted if history is gone, Unavailable if the store is away for longer than the time-out."""

    def close(self) -> None:
        """End the iteration; safe to call twice."""


class Records(Protocol):
    """A store of records."""

    def get(self, key: str) -> Record | None:
        """The record under the key as of now (linearizable), or None."""

    def scan(self, prefix: str, *, after: str = "", limit: int = 100, revision: int | None = None) -> Page:
        """At most `limit` records whose keys begin with `prefix` and come after `after`, in key order.

        With a `revision` (from an earlier page) the store is seen as it was then. Raises Compacted.
        """

    def transact(self, expectations: Sequence[Expect], writes: Sequence[Write]) -> int | Conflict:
        """All writes or none: they happen, together, only if every expectation holds. Returns the new revision.

        At most 100 expectations and writes together, each key written once. Raises Unknown when the answer was lost.
        """

    def watch(self, prefix: str, from_revision: int) -> Watch:
        """Every change under `prefix` with a revision of at least `from_revision`."""

    def close(self) -> None:
        """Let go of connections and threads; open watches end."""
