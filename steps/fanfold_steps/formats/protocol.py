"""What a format is to the map and reduce steps: a reader of byte ranges, a writer of parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fanfold_steps.formats.sources import Source


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Bytes that are no record of the format: how many good records of the block come before, where it begins, why."""

    number: int
    offset: int
    text: str
    problem: str


class Block(Protocol):
    """Some neighbouring records of a file."""

    @property
    def bad(self) -> Sequence[BadRecord]:
        """What was no record, in order; known once `records` has been called."""

    def records(self) -> list[Any]:
        """The good records, in order."""

    def offsets(self) -> Sequence[int]:
        """Where in the file (in what it unpacks to, if it is compressed) each good record of this block begins; there
        may be one more, where the last ends."""


class Reader(Protocol):
    """Finds the records of a byte range."""

    splittable: bool
    """Whether any range can be read by itself. If not, it is read as one range, from 0 to None."""
    reads_empty: bool
    """Whether an empty file holds a record."""

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[Block]:
        """The records that begin in [start, stop), in blocks; the last one is read to its end, past `stop`.

        Raises:
            PermanentFailure: the file is broken.
        """


class Encoder(Protocol):
    """Writes one part. The bytes don't depend on how its records are dealt out to the calls."""

    def encode(self, records: Sequence[Any]) -> bytes:
        """The next records' bytes, or as many as are ready. May raise anything for a record that can't be written."""

    def end(self) -> bytes:
        """The bytes that remain."""


class Writer(Protocol):
    """Makes parts."""

    suffix: str
    """How the parts' names end: `.txt`."""

    def begin(self) -> Encoder:
        """Begin a part."""


def read(reader: Reader, source: Source, start: int, stop: int) -> Iterable[Block]:
    """The blocks of a range; of a file that can't be split, all of them belong to the range that begins at 0."""
    if reader.splittable and source.splittable:
        return reader.blocks(source, start, stop)
    return reader.blocks(source, 0, None) if start == 0 else ()
