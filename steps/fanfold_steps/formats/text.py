r"""Text: a record is a line, ended by LF or CRLF and by nothing else; bytes that aren't UTF-8 come through unharmed.

Records that end with another delimiter are read here, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Any, cast

from fanfold_steps.formats.declared import Delimited, Text
from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.ranges import whole_records
from fanfold_steps.formats.sources import Source

_PLAIN = {str, int, float}


@dataclass(slots=True)
class TextBlock:
    """Whole records of a file: the offset of the first byte, the bytes, and what stands after each record."""

    offset: int
    data: bytes
    end: str = "\n"
    encoding: str | None = None
    bad: list[BadRecord] = field(default_factory=list)
    _offsets: list[int] | None = None

    def records(self) -> list[str]:
        r"""The records.

        >>> TextBlock(0, b"a\r\nb\rc\n\nlast").records()
        ['a', 'b\rc', '', 'last']
        """
        try:
            text = decode(self.data, self.encoding, self.offset)
        except UnicodeDecodeError:
            return self._one_by_one()
        if self.end == "\n" and "\r\n" in text:
            text = text.replace("\r\n", "\n")
        records = text.split(self.end)
        if not records[-1]:
            records.pop()
        return records

    def offsets(self) -> list[int]:
        """Where in the file each record of this block begins."""
        if self._offsets is None:  # found once: a mapper may ask at each record
            end = encode(self.end, self.encoding)
            lengths = (len(piece) + len(end) for piece in self.data.split(end))
            self._offsets = list(accumulate(lengths, initial=self.offset))
        return self._offsets

    def _one_by_one(self) -> list[str]:
        """The records that can be decoded; the others are bad."""
        end = encode(self.end, self.encoding)
        records, offset, self._offsets = [], self.offset, []
        for piece in self.data.removesuffix(end).split(end):
            try:
                record = decode(piece, self.encoding, offset)
                records.append(record.removesuffix("\r") if self.end == "\n" else record)
                self._offsets.append(offset)
            except UnicodeDecodeError as error:
                shown = piece.decode("utf-8", "backslashreplace")
                self.bad.append(BadRecord(len(records), offset, shown, f"it isn't {self.encoding} ({error.reason})"))
            offset += len(piece) + len(end)
        return records


class TextReader:
    """Reads lines, or what else ends with a delimiter."""

    splittable = True
    reads_empty = False

    def __init__(self, format: Text | Delimited) -> None:
        self._end = format.delimiter if isinstance(format, Delimited) else "\n"
        self._encoding = format.encoding

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[TextBlock]:
        """The records that begin in [start, stop)."""
        for offset, data in whole_records(source, start, stop, encode(self._end, self._encoding)):
            yield TextBlock(offset, data, self._end, self._encoding)


class TextWriter:
    """Writes lines: a pair as `key TAB value`, anything else as text."""

    suffix = ".txt"

    def __init__(self, format: Text) -> None:
        self._encoding = format.encoding

    def begin(self) -> "TextEncoder":
        """Begin a part."""
        return TextEncoder(self._encoding)


class TextEncoder:
    """Writes one part."""

    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding

    def encode(self, records: Sequence[object]) -> bytes:
        """The records' lines."""
        if records and set(map(type, records)) == {str}:
            return encode("\n".join(cast(Sequence[str], records)) + "\n", self._encoding)
        return encode(_plain_pairs(records) or "".join(map(line, records)), self._encoding)

    def end(self) -> bytes:
        """Nothing remains."""
        return b""


def _plain_pairs(records: Sequence[Any]) -> str | None:
    """The lines of what are all pairs of texts and numbers, as they mostly are."""
    if set(map(type, records)) != {tuple} or set(map(len, records)) != {2}:
        return None
    if not set(map(type, chain.from_iterable(records))) <= _PLAIN:
        return None
    return "".join([f"{key}\t{value}\n" for key, value in records])


def line(record: object) -> str:
    r"""A record as a line: a pair as `key TAB value`, anything else as text.

    >>> line(("a", 3))
    'a\t3\n'
    """
    if type(record) is tuple and len(record) == 2:
        return f"{_text(record[0])}\t{_text(record[1])}\n"
    return f"{_text(record)}\n"


def decode(data: bytes, encoding: str | None, offset: int) -> str:
    """Bytes as text: UTF-8 with whatever else carried along, or strictly what `encoding` says.

    Raises:
        UnicodeDecodeError: the bytes aren't in that encoding.
    """
    if encoding is None:
        return data.decode("utf-8", "surrogateescape")
    if offset and encoding.lower().replace("_", "-") == "utf-8-sig":  # the mark is one at the file's beginning only
        encoding = "utf-8"
    return data.decode(encoding)


def encode(text: str, encoding: str | None) -> bytes:
    """Text as bytes, the reverse of `decode`; without a byte order mark."""
    if encoding is None:
        return text.encode("utf-8", "surrogateescape")
    return text.encode(encoding.lower().replace("_", "-").removesuffix("-sig"))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    text = str(value)
    if text[:1] == "<" and not isinstance(value, str):
        _refuse_address(value, text)
    return text


def _refuse_address(value: object, text: str) -> None:
    """Raise TypeError for what has no text but where in memory it lies, which is elsewhere each time."""
    if isinstance(value, Iterator):
        raise TypeError("an iterator has no text: yield each of its items, or a list(…) of them")
    if " at 0x" in text:
        kind = type(value).__name__
        raise TypeError(f"a {kind} has no text of its own: yield its fields, or give its class a __str__")
