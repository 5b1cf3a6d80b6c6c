"""Separated values as frames: blocks that Polars reads where it finds just what Python's `csv` does, and the others by
`csv` itself."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from typing import Any, cast

import polars as pl

from fanfold_steps.formats.separated.reader import Names, SeparatedBlock, SeparatedReader
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.stand_ins import escaped, holds_stand_ins
from fanfold_steps.job.formats import CSV


class Texts(IntEnum):
    """What the texts of a frame may hold: each also what those before it may."""

    SIMPLE = 0
    """Nothing that JSON escapes."""
    ANY = 1
    """Any text in UTF-8."""
    STAND_INS = 2
    """Code points that stand for bytes which aren't UTF-8, and for themselves."""


@dataclass(slots=True)
class FrameBlock(SeparatedBlock):
    """A block whose records may be had as a frame, of columns of text called "0", "1", …"""

    names: Sequence[str] = ()
    format: CSV = field(default_factory=CSV)
    begun: pl.DataFrame | None = None
    """The records, if they were needed to find where the block ends."""
    careful: Callable[[], SeparatedBlock] | None = None
    """Reads the records as `csv` does; None if that was done."""

    def frame(self) -> tuple[pl.DataFrame, Texts]:
        """The records as a frame, and what it holds; those before the first bad one if `bad` has any then."""
        frame = self.begun
        if frame is None and self.careful:
            frame = exact_frame(self.data, len(self.names), self.format.delimiter, self.format.quote)
        if frame is not None:
            return frame, Texts.ANY if _needs_escapes(self.data, frame, self.format) else Texts.SIMPLE
        if self.careful:
            read = self.careful()
            self.found, self.bad, self.starts, self.careful = read.found, read.bad, read.starts, None
        return self._framed()

    def _framed(self) -> tuple[pl.DataFrame, Texts]:
        columns = {str(at): [record[name] for record in self.found] for at, name in enumerate(self.names)}
        if not holds_stand_ins(self.data):
            with suppress(UnicodeEncodeError):
                return _of_texts(columns), Texts.ANY
        return _of_texts({name: list(map(escaped, texts)) for name, texts in columns.items()}), Texts.STAND_INS


class FrameReader(SeparatedReader):
    """Reads CSV and TSV whose columns have names."""

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[FrameBlock]:
        """The records that begin in [start, stop)."""
        return cast(Iterator[FrameBlock], super().blocks(source, start, stop))

    def _block(self, data: bytes, offset: int, names: Names, header: bytes, *, last: bool) -> FrameBlock:
        """As the reader's own. Without a quote, records end with lines, and are found when they are asked for."""
        quote, read = self._format.quote, partial(super()._block, data, offset, names, header)
        own: dict[str, Any] = {"header": header, "names": names or (), "format": self._format}
        if names and (not quote or quote.encode() not in data):
            return FrameBlock(offset, data, self._parser, [], careful=partial(read, last=True), **own)
        if names and (frame := exact_frame(data, len(names), self._format.delimiter, quote)) is not None:
            return FrameBlock(offset, data, self._parser, [], begun=frame, **own)
        block = read(last=last)
        return FrameBlock(block.offset, block.data, self._parser, block.found, block.bad, block.starts, **own)


def exact_frame(data: bytes, width: int, delimiter: str = ",", quote: str | None = '"') -> pl.DataFrame | None:
    r"""The fields of whole lines of `width` fields each; None if `csv` might find others, or complain.

    All that stands between fields is counted: if with it they are as long as the data, and none holds a quote, then
    they are the fields, because a delimiter, a line's end or a quote has been found wherever there is one.

    >>> exact_frame(b'a,"b,c"\nd,\n', 2).rows()
    [('a', 'b,c'), ('d', '')]
    >>> exact_frame(b'a,b"c\n', 2), exact_frame(b'a,b\n\nc,d\n', 2), exact_frame(b'a\n', 2)
    (None, None, None)
    """
    quotes = data.count(quote.encode()) if quote and quote.encode() in data else 0
    returns = data.count(b"\r") if b"\r" in data else 0
    if (
        b"\0" in data
        or holds_stand_ins(data)
        or quotes % 2
        or (returns and not returns == data.count(b"\r\n") == data.count(b"\n"))
    ):
        return None
    if width == 1 and (data.startswith((b"\n", b"\r")) or b"\n\n" in data or b"\n\r" in data):
        return None
    ahead = delimiter * (width - 1) + "\n" if data.startswith(b"x") else ""  # `x^` may begin compressed data
    try:
        frame = pl.read_csv(
            ahead.encode() + data if ahead else data,
            has_header=False,
            schema={str(number): pl.String for number in range(width)},
            separator=delimiter,
            quote_char=quote if quotes else None,
            empty_string_is_null=False,
            glob=False,
        )
    except pl.exceptions.PolarsError:  # not UTF-8, or more fields
        return None
    frame = frame[1:] if ahead else frame
    lengths = frame.lazy().select(pl.all().str.len_bytes().sum().cast(pl.Int64)).collect().row(0)
    ends = len(data) + (0 if data.endswith(b"\n") else 2 if returns else 1)
    between = frame.height * (width + (1 if returns else 0)) + quotes
    if sum(lengths) + between != ends or any(column.null_count() for column in frame):
        return None
    if quotes and frame.select(pl.any_horizontal(pl.all().str.contains(str(quote), literal=True).any())).item():
        return None
    return frame


_ESCAPED = bytes([*range(10), 11, 12, *range(14, 32)]) + b"\\"


def _needs_escapes(data: bytes, frame: pl.DataFrame, format: CSV) -> bool:
    """Whether a field may hold what JSON escapes. Quotes, if they are read as such, and single returns are in none."""
    is_quoted = format.quote == '"' and b'"' in data
    escaped = _ESCAPED if is_quoted else _ESCAPED.replace(format.delimiter.encode(), b"")
    if len(data.translate(None, escaped)) != len(data) or (format.quote != '"' and b'"' in data):
        return True
    return is_quoted and data.count(b"\n") + (not data.endswith(b"\n")) > frame.height


def _of_texts(columns: dict[str, list[str]]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(name, texts, dtype=pl.String) for name, texts in columns.items()})
