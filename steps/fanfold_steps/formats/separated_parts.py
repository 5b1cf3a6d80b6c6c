"""Writing separated values (CSV, TSV) by Python's own `csv`, with LF after each row."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal

from fanfold_steps.formats.declared import CSV, TSV
from fanfold_steps.formats.text import encode


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
        return header + self._rows([self._row(record) for record in records])

    def end(self) -> bytes:
        """The header of a part without records."""
        return b"" if self._begun or self._format.header is False else self._header(())

    def _header(self, first: Any) -> bytes:
        if self._names is None and isinstance(first, dict):
            self._names = tuple(first)
        if self._format.header is False or (self._names is None and (not self._format.header or first == ())):
            return b""
        if self._names is None:
            raise ValueError("a header needs names: give the format `columns`, or write dicts")
        return self._rows([self._names])

    def _row(self, record: Any) -> Sequence[Any]:
        if isinstance(record, dict):
            if self._names is None or record.keys() != set(self._names):
                raise ValueError(f"its keys are not the columns {list(self._names or ())}")
            record = [record[name] for name in self._names]
        if not isinstance(record, tuple | list) or not record:
            raise ValueError("a row is a dict, or a tuple or a list with something in it")
        if self._names is not None and len(record) != len(self._names):
            raise ValueError(f"it has {len(record)} fields, but there are {len(self._names)} columns")
        return [field.decode("utf-8", "surrogateescape") if type(field) is bytes else field for field in record]

    def _rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        text = self._written(rows, csv.QUOTE_MINIMAL)
        if "\r" in text:  # which `csv` doesn't quote, though it reads it as a line's end
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


def _quoting(row: Sequence[Any]) -> Literal[0, 1]:
    return csv.QUOTE_ALL if any("\r" in str(field) for field in row) else csv.QUOTE_MINIMAL
