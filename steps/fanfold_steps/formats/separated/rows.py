"""Rows of separated values and the lines that they stand in, as Python's own `csv` (strict) finds them."""

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fanfold_steps.failure.wording import quantity
from fanfold_steps.formats.ranges import UTF8_BOM
from fanfold_steps.formats.text import decode, is_utf8
from fanfold_steps.job.formats import CSV

csv.field_size_limit(sys.maxsize)  # a long field is no error


@dataclass(frozen=True, slots=True)
class Row:
    """A record's fields, or what is wrong with it; where it starts and stops. Empty lines are rows without fields."""

    fields: list[str]
    start: int
    stop: int
    problem: str | None = None
    open: bool = False
    """Whether it is wrong only in that it isn't ended by the last line."""


class RowParser:
    """Whole lines to rows, by the rules of one format."""

    def __init__(self, format: CSV) -> None:
        self.multiline = format.quoted_newlines and format.quote is not None
        self._encoding = format.encoding
        self._dialect: dict[str, Any] = {
            "delimiter": format.delimiter,
            "quotechar": format.quote,
            "quoting": csv.QUOTE_MINIMAL if format.quote else csv.QUOTE_NONE,
            "strict": True,
        }

    def sound(self, data: bytes, offset: int) -> list[list[str]] | None:
        """The fields of all rows, quickly; None if not all of them are sound and whole."""
        try:
            text = decode(self._unmarked(data, offset), self._encoding, offset)
            reader = csv.reader(io.StringIO(text, newline="\n"), **self._dialect)
            rows = list(reader)
        except (csv.Error, UnicodeDecodeError):
            return None
        return rows if self.multiline or len(rows) == reader.line_num else None

    def rows(self, data: bytes, offset: int) -> Iterator[Row]:
        """Every row, one by one."""
        lines, foreign = self._lines(data, offset)
        starts = [offset]
        for line in io.BytesIO(data):
            starts.append(starts[-1] + len(line))
        for fields, first, stop, problem in self._numbered(lines):
            if problem is None and foreign.intersection(range(first, stop)):
                problem = f"it isn't {self._encoding}"
            yield Row(fields, starts[first], starts[stop], problem, problem is not None and stop == len(lines))

    def _numbered(self, lines: list[str]) -> Iterator[tuple[list[str], int, int, str | None]]:
        """Each row's fields, the numbers of its lines, and its problem."""
        reader = csv.reader(iter(lines), **self._dialect)
        first = 0
        while first < len(lines):
            if not self.multiline:
                reader = csv.reader(lines[first : first + 1], **self._dialect)
            fields, problem = [], None
            try:
                fields = next(reader)
            except csv.Error as error:
                problem = self._explained(error)
            stop = reader.line_num if self.multiline else first + 1
            yield fields, first, stop, problem
            first = stop

    def _explained(self, error: csv.Error) -> str:
        if str(error).startswith("new-line character seen in unquoted field"):
            return (
                "a carriage return stands in it alone: if lines end so, as on old Macs, convert them (tr '\\r' '\\n')"
            )
        if str(error) != "unexpected end of data":
            return str(error)
        if self.multiline:
            return "a quote isn't closed up to the file's end"
        return "a quote isn't closed in its line: if fields hold newlines, don't say quoted_newlines=False"

    def _lines(self, data: bytes, offset: int) -> tuple[list[str], set[int]]:
        """The lines as text, and the numbers of those that aren't in the encoding."""
        lines, foreign = [], set()
        for number, line in enumerate(io.BytesIO(self._unmarked(data, offset))):
            try:
                lines.append(decode(line, self._encoding, offset + number))
            except UnicodeDecodeError:
                lines.append(line.decode("ascii", "backslashreplace"))
                foreign.add(number)
        return lines, foreign

    def _unmarked(self, data: bytes, offset: int) -> bytes:
        """The bytes without the byte order mark that a file may begin with."""
        return data.removeprefix(UTF8_BOM) if not offset and is_utf8(self._encoding) else data


def differing(fields: int, columns: int) -> str:
    """Why a record doesn't fit.

    >>> differing(2, 1)
    'it has 2 fields, but there is 1 column'
    """
    return (
        f"it has {quantity(fields, 'field')}, but there {'is' if columns == 1 else 'are'} {quantity(columns, 'column')}"
    )
