"""Writing Parquet: the columns of a part, and their types, are those of all its rows.

Rows become tables as they come, in the types that have been needed so far. A row group waits in a spool until the
part's last row has been seen, and is then written in the types that keep all of them. Where the job declares the
columns nothing has to wait. Where row groups end follows from the rows alone, so a part has the same bytes whatever the
calls were.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fanfold_steps.formats.parquet.arrow_types import arrow_type, declared_type, fitted, schema_of
from fanfold_steps.formats.parquet.parquet_bytes import ParquetBytes, conformed
from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow
from fanfold_steps.formats.parquet.spool import Spool
from fanfold_steps.formats.protocol import Unwritable, not_unicode
from fanfold_steps.formats.values.inference import settled_rows
from fanfold_steps.formats.values.kinds import Clash, Fields, joined, to_json
from fanfold_steps.formats.values.plain import named_fields
from fanfold_steps.job.formats import Parquet

GROUP_ROWS = 1 << 16
GROUP_BYTES = 32 << 20
"""Of a row group, before it is packed: what splits a part when it is read, and what is held when it is written."""
CHUNK_ROWS, CHUNK_BYTES = 1 << 13, 1 << 20  # of rows whose types are looked at together


class ParquetWriter:
    """Writes dicts, dataclasses and named tuples as rows, and pairs as rows of `key` and `value`."""

    suffix = ".parquet"

    def __init__(self, format: Parquet) -> None:
        self._format = format

    def begin(self) -> "ParquetEncoder":
        """Begin a part. Raises PermanentFailure: PyArrow is missing."""
        return ParquetEncoder(self._format)


class ParquetEncoder:
    """Writes one part."""

    def __init__(self, format: Parquet) -> None:
        self._pa = load_pyarrow()
        self._format = format
        self._rows: list[dict[str, Any]] = []  # not yet in a chunk
        self._chunk_rows = 1
        self._chunks: list[Any] = []  # of the group that isn't full
        self._group_rows = self._group_bytes = 0
        self._kind = Fields()
        self._spool = Spool()
        self._declared: Any = None
        self._file: ParquetBytes | None = None
        if format.schema:
            self._declared = self._pa.schema([(name, declared_type(told)) for name, told in format.schema.items()])
            self._file = ParquetBytes(self._declared, format.compress)

    def encode(self, records: Sequence[Any]) -> bytes:
        """The row groups that are full, if their columns are declared; else they wait. Raises Unwritable."""
        self._rows += records if set(map(type, records)) == {dict} else map(_row, records)
        out = b""
        while len(self._rows) >= self._chunk_rows:
            chunk, self._rows = self._rows[: self._chunk_rows], self._rows[self._chunk_rows :]
            self._take(chunk)
            if self._group_rows >= GROUP_ROWS or self._group_bytes >= GROUP_BYTES:
                out += self._end_group()
        return out

    def end(self) -> Iterator[bytes]:
        """All that waited, and the footer. Raises Unwritable."""
        if self._rows:
            self._take(self._rows)
        if self._chunks:
            yield self._end_group()
        if self._file is None:
            try:
                self._file = ParquetBytes(schema_of(self._kind), self._format.compress)
            except Clash as clash:
                raise _unwritable(None, clash) from clash
            for table in self._spool.tables():
                yield self._file.group(table)
        yield self._file.end()

    @property
    def columns(self) -> Any:
        """The kinds of the part's columns as JSON, by which `finish` gives all parts the same ones; None if they are
        declared."""
        return None if self._declared else to_json(self._kind)

    def _take(self, rows: list[dict[str, Any]]) -> None:
        """Make the next chunk; how many rows the one after it has follows from the size of this one."""
        try:
            chunk, self._kind = self._chunk(rows, self._kind)
        except MemoryError:
            raise
        except Exception as error:
            raise self._first_unwritable(rows, error) from error
        self._chunks.append(chunk)
        self._group_rows += chunk.num_rows
        self._group_bytes += chunk.nbytes
        fitting = CHUNK_BYTES * chunk.num_rows // max(chunk.nbytes, 1)
        self._chunk_rows = max(1, min(2 * len(rows), CHUNK_ROWS, fitting, GROUP_ROWS - self._group_rows))

    def _chunk(self, rows: list[dict[str, Any]], before: Fields) -> tuple[Any, Fields]:
        """Rows as a table of the columns that are declared or that they have, and the kind of all rows so far."""
        kind, columns = settled_rows(rows)
        fitting = fitted(kind, self._pa.struct(self._declared)) if self._declared else kind
        together = joined(before, fitting)
        if not isinstance(together, Fields) or not together.fields:
            raise Clash("a row without columns", "leave it out")
        # In the types of all rows so far, of which any value of these is; only those that are declared may be narrower.
        fields = list(arrow_type(fitting if self._declared else together))
        arrays = [
            self._pa.array(columns[field.name], field.type)
            if field.name in columns
            else self._pa.nulls(len(rows), field.type)
            for field in fields
        ]
        chunk = self._pa.RecordBatch.from_arrays(arrays, schema=self._pa.schema(fields))
        return conformed(chunk, self._declared) if self._declared else chunk, together

    def _first_unwritable(self, rows: list[dict[str, Any]], error: Exception) -> Unwritable:
        """The first row that can't be written, or not with those before it."""
        kind = self._kind
        for row in rows:
            try:
                _, kind = self._chunk([row], kind)
            except Exception as found:  # noqa: BLE001 — PyArrow's conversions raise many things
                return _unwritable(row, self._at_column(row, found))
        return _unwritable(None, error)

    def _at_column(self, row: dict[str, Any], error: Exception) -> Exception:
        """The error with the column that it is in."""
        if isinstance(error, Clash):
            return error
        for name, value in row.items():
            try:
                self._chunk([{name: value}], Fields())
            except Exception as found:  # noqa: BLE001
                told = f"what can't be written: {found}"
                if isinstance(found, UnicodeError):
                    told = f"text, and {not_unicode(found)}"
                clash = Clash(told)
                clash.path = [name]
                return clash
        return error

    def _end_group(self) -> bytes:
        """The group's bytes, or none if it has to wait."""
        schema = self._declared or self._pa.schema(list(arrow_type(self._kind)))
        table = self._pa.Table.from_batches([conformed(chunk, schema) for chunk in self._chunks], schema)
        self._chunks, self._group_rows, self._group_bytes = [], 0, 0
        if self._file:
            return self._file.group(table)
        self._spool.add(table)
        return b""


def _row(record: Any) -> dict[str, Any]:
    if isinstance(record, dict):
        return record
    if type(record) is tuple and len(record) == 2:
        return {"key": record[0], "value": record[1]}
    if (fields := named_fields(record)) is not None:
        return fields
    raise Unwritable("a row of Parquet is a dict, a dataclass, a named tuple, or a pair of key and value", record)


def _unwritable(row: dict[str, Any] | None, error: Exception) -> Unwritable:
    if not isinstance(error, Clash):
        return Unwritable(str(error), row)
    column = f"the column {error.path[0]!r} holds " if error.path else ""
    within = f" (in {'.'.join(error.path[1:])})" if error.path[1:] else ""
    mend = f": {error.mend}" if error.mend else ""
    return Unwritable(f"{column}{error.problem}{within}{mend}", row)
