"""Writing separated values (CSV, TSV) by Python's own `csv`, with LF after each row."""

import csv
import io
from collections.abc import Sequence
from enum import Enum
from itertools import chain
from typing import Any, Literal

from fanfold_steps.formats.separated.rows import differing
from fanfold_steps.formats.text import as_text, encode
from fanfold_steps.formats.values.plain import is_of_library, named_fields, plain
from fanfold_steps.job.formats import CSV, TSV

_PLAIN = {str, int, float, type(None)}
_ROWS = {dict, tuple, list}


class SeparatedWriter:
    """Writes dicts, tuples and lists as rows."""

    def __init__(self, format: CSV | TSV) -> None:
        self._format = format.as_csv() if isinstance(format, TSV) else format
        self.suffix = f".{format.format}"

    def begin(self) -> "SeparatedEncoder":
        """Begin a part."""
        return SeparatedEncoder(self._format)


class SeparatedEncoder:
    """Writes one part; the first record settles its columns, unless the format does."""

    def __init__(self, format: CSV) -> None:
        self._format = format
        self._names = format.columns
        self._begun = False

    def encode(self, records: Sequence[Any]) -> bytes:
        """The records' rows, after the header if they are the first."""
        if not records:
            return b""
        header = b"" if self._begun else self._header(records[0])
        self._begun = True
        rows = [self._row(record) for record in records]
        if not set(map(type, chain.from_iterable(rows))) <= _PLAIN:
            rows = [list(map(_field, row)) for row in rows]
        return header + self._rows(rows)

    def end(self) -> tuple[bytes, ...]:
        """The header of a part without records."""
        return () if self._begun or self._format.header is False else (self._header(()),)

    @property
    def columns(self) -> Any:
        """The columns' names, or that they have none, or nothing yet; None if they are declared."""
        if self._format.columns is not None:
            return None
        return {"names": list(self._names) if self._names else None} if self._begun else {}

    def _header(self, first: Any) -> bytes:
        names = first if isinstance(first, dict) else named_fields(first)
        if self._names is None and names is not None:
            self._names = tuple(names)
        if self._format.header is False or (self._names is None and (not self._format.header or first == ())):
            return b""
        if self._names is None:
            raise ValueError("a header needs names: give the format `columns`, or write dicts")
        return self._rows([self._names])

    def _row(self, record: Any) -> Sequence[Any]:
        if type(record) not in _ROWS and (fields := named_fields(record)) is not None:
            record = fields
        if isinstance(record, dict):
            if self._names is None or record.keys() != set(self._names):
                raise ValueError(f"its keys are not the columns {list(self._names or ())}")
            record = [record[name] for name in self._names]
        if not isinstance(record, tuple | list) or not record:
            raise ValueError("a row is a dict, or a tuple or a list with something in it")
        if self._names is not None and len(record) != len(self._names):
            raise ValueError(differing(len(record), len(self._names)))
        return record

    def _rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        text = self._written(rows, csv.QUOTE_MINIMAL)
        if "\r" in text:  # which `csv` doesn't quote, though it reads it as a line break
            text = "".join(self._written([row], _quoting(row)) for row in rows)
        if not self._format.quoted_newlines and text.count("\n") > len(rows):
            raise ValueError("a field holds a newline, and the format says quoted_newlines=False")
        return encode(text, self._format.encoding)

    def _written(self, rows: Sequence[Sequence[Any]], quoting: Literal[0, 1]) -> str:
        text = io.StringIO(newline="")
        csv.writer(
            text,
            delimiter=self._format.delimiter,
            quotechar=self._format.quote,
            quoting=quoting if self._format.quote else csv.QUOTE_NONE,
            lineterminator="\n",
        ).writerows(rows)
        return text.getvalue()


def _field(value: Any) -> Any:
    """A field's text; None, which becomes an empty field, for whatever stands for None (NaT, NA, a masked number)."""
    if type(value) in _PLAIN:
        return value
    if (isinstance(value, Enum) or is_of_library(value)) and plain(value) is None:
        return None
    return as_text(value)


def _quoting(row: Sequence[Any]) -> Literal[0, 1]:
    return csv.QUOTE_ALL if any("\r" in str(field) for field in row) else csv.QUOTE_MINIMAL
