"""Reading separated values (CSV, TSV): lists of fields, or dicts where the columns have names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.wording import preview
from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.ranges import refuse_wide_text, whole_records
from fanfold_steps.formats.separated.rows import Row, RowParser, differing
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.text import is_utf8
from fanfold_steps.job.formats import CSV, TSV

LONGEST_QUOTED = 64 << 20  # bytes of a record with newlines in quotes; more than that, and a quote was never closed
HEADER_BYTES = 8 << 10  # read at first for the header
Names = Sequence[str] | None


@dataclass(slots=True)
class SeparatedBlock:
    """Whole lines of a file, their records, and where these begin (found when it is asked for)."""

    offset: int
    data: bytes
    parser: RowParser
    found: list[Any]
    bad: list[BadRecord] = field(default_factory=list)
    starts: list[int] | None = None
    header: bytes = b""
    """The lines before the file's first record, which name its columns."""

    def records(self) -> list[Any]:
        """The records."""
        return self.found

    def offsets(self) -> list[int]:
        """Where in the file each record begins."""
        if self.starts is None:
            self.starts = [row.start for row in self.parser.rows(self.data, self.offset) if row.fields]
        return self.starts

    def alone(self, number: int) -> bytes:
        """The header and the record's lines."""
        starts = [start - self.offset for start in self.offsets()[number : number + 2]]
        lines = self.data[slice(*starts)] if len(starts) == 2 else self.data[starts[0] :]
        return self.lines_of(next(self.parser.rows(lines, self.offset + starts[0])))

    def lines_of(self, row: Row) -> bytes:
        """The header and a row's lines."""
        lines = self.data[row.start - self.offset : row.stop - self.offset]
        return self.header + lines + (b"" if lines.endswith(b"\n") else b"\n")


class SeparatedReader:
    """Reads CSV and TSV. A file can be split unless quotes may hold newlines."""

    reads_empty = False

    def __init__(self, format: CSV | TSV) -> None:
        self._format = format.as_csv() if isinstance(format, TSV) else format
        self._parser = RowParser(self._format)
        self._has_header = self._format.columns is None if self._format.header is None else self._format.header
        self.splittable = not self._parser.multiline

    def names(self, source: Source) -> Names:
        """The columns' names; None if they have none. Raises PermanentFailure: the file's header is broken."""
        return self._header(source)[0] if self._has_header else self._format.columns

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[SeparatedBlock]:
        """The records that begin in [start, stop)."""
        names, header = self._header(source) if self._has_header else (self._format.columns, b"")
        begin = len(header)
        start = max(start, begin)
        if stop is not None and stop <= start:
            return
        pending, pending_at, enough = b"", start, 0
        for offset, lines in whole_records(source, start, stop):
            if not offset:
                self._refuse_wide_text(source, lines)
            data, at = pending + lines, offset - len(pending)
            if len(data) < enough:
                pending = data
                continue
            block = self._block(data, at, names, header, last=False)
            yield block
            pending, pending_at = data[len(block.data) :], at + len(block.data)
            enough = 2 * len(pending)  # so that a long record isn't looked through again and again
            if len(pending) > LONGEST_QUOTED:
                what = f"a quote isn't closed within {LONGEST_QUOTED >> 20} MiB"
                raise _failure(source, pending_at, pending, what)
        if pending:
            yield self._block(pending, pending_at, names, header, last=True)

    def _block(self, data: bytes, offset: int, names: Names, header: bytes, *, last: bool) -> SeparatedBlock:
        """The records of whole lines, without an open one that goes on in the next lines."""
        rows = self._parser.sound(data, offset)
        if rows is not None and (found := _named(rows, names)) is not None:
            return SeparatedBlock(offset, data, self._parser, found, header=header)
        block = SeparatedBlock(offset, data, self._parser, [], [], [], header)
        for row in self._parser.rows(data, offset):
            if row.open and self._parser.multiline and not last:
                block.data = data[: row.start - offset]
                break
            _take(block, row, names)
        return block

    def _header(self, source: Source) -> tuple[Names, bytes]:
        """The columns' names, and the file's bytes up to where the first record after them may begin."""
        size = HEADER_BYTES
        while True:
            data = b"".join(source.read(0, size))
            self._refuse_wide_text(source, data)
            whole = len(data) < size
            lines = data if whole else data[: data.rfind(b"\n") + 1]
            for row in self._parser.rows(lines, 0):
                if row.open and self._parser.multiline and not whole:
                    break
                if row.problem or row.fields:
                    return self._names(row, source, lines), data[: row.stop]
            if whole:
                return self._format.columns, data
            if size > LONGEST_QUOTED:
                raise _failure(source, 0, data, f"the header doesn't end within {LONGEST_QUOTED >> 20} MiB")
            size *= 8

    def _refuse_wide_text(self, source: Source, beginning: bytes) -> None:
        if is_utf8(self._format.encoding):
            refuse_wide_text(source, beginning)

    def _names(self, row: Row, source: Source, data: bytes) -> Names:
        problem = row.problem
        if not problem and self._format.columns is None and len(set(row.fields)) < len(row.fields):
            problem = "it names a column twice; give `columns` other names"
        if problem:
            raise _failure(source, row.start, data[row.start : row.stop], f"this is no header: {problem}")
        return self._format.columns or tuple(row.fields)


def _named(rows: list[list[str]], names: Names) -> list[Any] | None:
    """The records of rows; None if one doesn't fit the names."""
    if not all(rows):
        rows = [row for row in rows if row]
    if names is None:
        return rows
    if not {len(names)}.issuperset(map(len, rows)):
        return None
    return [dict(zip(names, row, strict=False)) for row in rows]


def _take(block: SeparatedBlock, row: Row, names: Names) -> None:
    """Add a row to the block's records, or to its bad records."""
    assert block.starts is not None
    problem = row.problem
    if not problem and not row.fields:
        return
    if not problem and names is not None and len(row.fields) != len(names):
        problem = differing(len(row.fields), len(names))
    if problem:
        text = _text(block.data[row.start - block.offset : row.stop - block.offset])
        block.bad.append(BadRecord(len(block.found), row.start, text, problem, block.lines_of(row)))
    else:
        block.found.append(row.fields if names is None else dict(zip(names, row.fields, strict=True)))
        block.starts.append(row.start)


def _text(data: bytes) -> str:
    return data[:1000].decode("utf-8", "backslashreplace").rstrip("\r\n")


def _failure(source: Source, offset: int, data: bytes, problem: str) -> PermanentFailure:
    return PermanentFailure("input", problem, position=Position(source.url, offset, preview(_text(data))))
