"""Records that are bytes of a known number, and files that are one record."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.text import decode
from fanfold_steps.job.formats import Fixed, Whole


@dataclass(slots=True)
class FixedBlock:
    """Records of `size` bytes each; the file's last one may be cut short."""

    offset: int
    data: bytes
    size: int
    bad: list[BadRecord] = field(default_factory=list)

    def records(self) -> list[bytes]:
        """The records.

        >>> FixedBlock(0, b"abcdef", 2).records()
        [b'ab', b'cd', b'ef']
        >>> block = FixedBlock(0, b"abcde", 2)
        >>> block.records(), block.bad[0].problem
        ([b'ab', b'cd'], 'the file ends in the middle of it: 1 of 2 bytes are there')
        """
        data, size = self.data, self.size
        whole = len(data) - len(data) % size
        if whole < len(data):
            problem = f"the file ends in the middle of it: {len(data) - whole} of {size} bytes are there"
            number = whole // size
            self.bad = [BadRecord(number, self.offset + whole, repr(data[whole:]), problem, data[whole:])]
        return [data[at : at + size] for at in range(0, whole, size)]

    def offsets(self) -> range:
        """Where in the file each record begins."""
        return range(self.offset, self.offset + len(self.data), self.size)

    def alone(self, number: int) -> bytes:
        """The record."""
        return self.data[number * self.size : (number + 1) * self.size]


class FixedReader:
    """Reads records of a known number of bytes."""

    splittable = True
    reads_empty = False

    def __init__(self, format: Fixed) -> None:
        self._size = format.size

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[FixedBlock]:
        """The records that begin in [start, stop)."""
        size = self._size
        offset = _next_multiple(start, size)
        stop = None if stop is None else _next_multiple(stop, size)
        if offset == stop:
            return
        pending: list[bytes] = []
        length = 0
        for chunk in source.read(offset, stop):
            pending.append(chunk)
            length += len(chunk)
            if length >= size:
                data = b"".join(pending)
                whole = length - length % size
                yield FixedBlock(offset, data[:whole], size)
                offset += whole
                pending, length = [data[whole:]], length - whole
        if length:
            yield FixedBlock(offset, b"".join(pending), size)


@dataclass(slots=True)
class WholeBlock:
    """A file."""

    data: bytes
    format: Whole
    bad: list[BadRecord] = field(default_factory=list)

    def records(self) -> list[str] | list[bytes]:
        """The one record."""
        if self.format.binary:
            return [self.data]
        try:
            return [decode(self.data, self.format.encoding, 0)]
        except UnicodeError as error:
            shown = self.data[:1000].decode("utf-8", "backslashreplace")
            self.bad = [BadRecord(0, 0, shown, f"it isn't {self.format.encoding} ({error})", self.data)]
            return []

    def offsets(self) -> list[int]:
        """The file's beginning."""
        return [0]

    def alone(self, number: int) -> bytes:
        """The file."""
        return self.data


class WholeReader:
    """Reads files as records."""

    splittable = False
    reads_empty = True

    def __init__(self, format: Whole) -> None:
        self._format = format

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[WholeBlock]:
        """The file."""
        yield WholeBlock(b"".join(source.read()), self._format)


def _next_multiple(position: int, size: int) -> int:
    return -(-position // size) * size
