r"""Text: a record is a line, ended by LF or CRLF and by nothing else; bytes that aren't UTF-8 come through unharmed.

Records that end with another delimiter are read here, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import Enum
from itertools import accumulate, chain
from typing import Any, cast

from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.ranges import UTF8_BOM, overlaps, refuse_wide_text, whole_records
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.values.plain import NANOSECONDS, is_of_library, plain, textual
from fanfold_steps.job.formats import Delimited, Text

_UTF8_NAMES = {"utf-8", "utf8", "utf-8-sig"}
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
    marked: bool = False
    """Whether a byte order mark stands before it, which a file may begin with and is in no record."""

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

    def alone(self, number: int) -> bytes:
        """The record and its end, if it has one."""
        end, start = encode(self.end, self.encoding), self.offsets()[number] - self.offset
        stop = self.data.find(end, start)
        data = self.data[start:] if stop < 0 else self.data[start : stop + len(end)]
        return UTF8_BOM + data if data.startswith(UTF8_BOM) else data  # of two marks, the first isn't in the record

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
                self.bad.append(
                    BadRecord(len(records), offset, shown, f"it isn't {self.encoding} ({error.reason})", piece + end)
                )
            offset += len(piece) + len(end)
        return records


class TextReader:
    """Reads lines, or what else ends with a delimiter. The byte order mark that a file may begin with is in none."""

    reads_empty = False

    def __init__(self, format: Text | Delimited) -> None:
        self._end = format.delimiter if isinstance(format, Delimited) else "\n"
        self.splittable = not overlaps(self._end)
        self._encoding = format.encoding

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[TextBlock]:
        """The records that begin in [start, stop)."""
        may_be_marked = is_utf8(self._encoding)
        for offset, data in whole_records(source, start, stop, encode(self._end, self._encoding)):
            if not offset and may_be_marked:
                refuse_wide_text(source, data)
            if not offset and may_be_marked and data.startswith(UTF8_BOM):
                yield TextBlock(len(UTF8_BOM), data[len(UTF8_BOM) :], self._end, self._encoding, marked=True)
            else:
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

    columns = None

    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding

    def encode(self, records: Sequence[object]) -> bytes:
        """The records' lines."""
        if records and set(map(type, records)) == {str}:
            return encode("\n".join(cast(Sequence[str], records)) + "\n", self._encoding)
        return encode(_plain_pairs(records) or "".join(map(line, records)), self._encoding)

    def end(self) -> tuple[()]:
        """Nothing remains."""
        return ()


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
        return f"{as_text(record[0])}\t{as_text(record[1])}\n"
    return f"{as_text(record)}\n"


def is_utf8(encoding: str | None) -> bool:
    """Whether text in an encoding, as a format names it, is UTF-8."""
    return encoding is None or encoding.lower().replace("_", "-") in _UTF8_NAMES


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


def as_text(value: object) -> str:
    """A value as text: times as ISO 8601 has them, bytes as they are, an Enum's member by its value, else `str()`.

    Raises:
        TypeError: it has no text of its own.
    """
    if type(value) in _PLAIN:
        return str(value)
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, date | time | timedelta | Enum | NANOSECONDS) or is_of_library(value):
        found = plain(value)
        return as_text(found if isinstance(found, bytes) else textual(found))
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
