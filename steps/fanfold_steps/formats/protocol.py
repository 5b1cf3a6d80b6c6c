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
    alone: bytes = b""
    """A file of the format that holds nothing but these bytes."""


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

    def alone(self, number: int) -> bytes:
        """A file of the format that holds nothing but this good record."""


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


def not_unicode(error: UnicodeError) -> str:
    """Why text can't be written as UTF-8, and how to mend it."""
    character = error.object[error.start] if isinstance(error, UnicodeEncodeError) else ""
    if character and not "\udc80" <= character <= "\udcff":  # those stand for bytes that were read
        return f"it holds {character!a}, half of a surrogate pair, which is not a character: leave it out"
    what = "it holds bytes that aren't UTF-8"
    return f"{what}: name the input's encoding, as in Text(encoding='latin-1'), or convert the input"


class Unwritable(ValueError):
    """A record that can't be written, or not together with those before it; the text says why, and how to mend it."""

    def __init__(self, problem: str, record: Any = None) -> None:
        super().__init__(problem)
        self.record = record


class Encoder(Protocol):
    """Writes one part. The bytes don't depend on how its records are dealt out to the calls."""

    def encode(self, records: Sequence[Any]) -> bytes:
        """The next records' bytes, or as many as are ready. May raise anything for a record that can't be written."""

    def end(self) -> Iterable[bytes]:
        """The bytes that remain. May raise anything for a record that can't be written."""

    @property
    def columns(self) -> Any:
        """The part's columns, as JSON for `SharedColumns`; None if parts of the format needn't have the same."""


class Writer(Protocol):
    """Makes parts."""

    suffix: str
    """How the parts' names end: `.txt`."""

    def begin(self) -> Encoder:
        """Begin a part."""


class SharedColumns(Protocol):
    """Gives all parts of an output the same columns. What those are, of a part or of several, is JSON."""

    def together(self, one: Any, other: Any) -> Any:
        """The columns of both. Raises ValueError: they don't go together."""

    def are_like(self, one: Any, other: Any) -> bool:
        """Whether parts with these columns need no change to go together."""

    def rewritten(self, part: Source, own: Any, columns: Any) -> Iterator[bytes]:
        """The bytes of a part with these columns instead of its own."""

    def first_unlike(self, part: Source, own: Any, columns: Any) -> Any:
        """The first record of a part that doesn't go with these columns; None if it isn't found."""


def read(reader: Reader, source: Source, start: int, stop: int) -> Iterable[Block]:
    """The blocks of a range; of a file that can't be split, all of them belong to the range that begins at 0."""
    if reader.splittable and source.splittable:
        return reader.blocks(source, start, stop)
    return reader.blocks(source, 0, None) if start == 0 else ()
