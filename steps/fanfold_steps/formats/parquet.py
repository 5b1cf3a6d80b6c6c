"""Parquet: a record is a row, a dict by the columns' names. A row group belongs to the range in which it begins."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fanfold_steps.failure import PermanentFailure, Position
from fanfold_steps.formats.declared import Parquet
from fanfold_steps.formats.parquet_file import MAGIC, TAIL, Footer, Malformed, RowGroup, footer_length, numbered
from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.thrift import Struct
from fanfold_steps.frames import load_polars

if TYPE_CHECKING:
    import polars as pl

BLOCK_ROWS = 1 << 14
GROUP_ROWS = 1 << 16
"""Rows of a row group that is written: what splits a part when it is read."""

_Compression = Literal["zstd", "snappy", "lz4", "gzip", "brotli", "uncompressed"]


@dataclass(slots=True)
class ParquetBlock:
    """Rows of one row group. Their places are their numbers in the file."""

    first: int
    frame: "pl.DataFrame"
    bad: Sequence[BadRecord] = ()

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts."""
        return self.frame.to_dicts()

    def offsets(self) -> range:
        """The rows' numbers in the file."""
        return range(self.first, self.first + self.frame.height)


class ParquetReader:
    """Reads rows, a row group at a time."""

    splittable = True
    reads_empty = False

    def __init__(self, format: Parquet) -> None:
        pass

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[ParquetBlock]:
        """The rows of the row groups that begin in [start, stop)."""
        polars = load_polars("Parquet files")
        try:
            footer = _footer(source)
            first = 0
            for group in footer.groups:
                if start <= group.start and (stop is None or group.start < stop):
                    yield from _blocks(_frame(source, footer, group), first)
                first += group.rows
        except (Malformed, polars.exceptions.PolarsError) as error:
            what = f"this is no sound Parquet file: {error}"
            raise PermanentFailure("input", what, position=Position(source.url, start, "")) from error


def _footer(source: Source) -> Footer:
    size = source.objects.stat(source.key).size
    tail = b"".join(source.read(max(size - TAIL, 0), size))
    length = footer_length(tail)
    if length > size - TAIL - len(MAGIC):
        raise Malformed("its footer is longer than the file")
    return Footer.read(b"".join(source.read(size - TAIL - length, size - TAIL)))


def _frame(source: Source, footer: Footer, group: RowGroup) -> "pl.DataFrame":
    """A row group's rows, read as a file that has no others."""
    data = b"".join([MAGIC, *source.read(group.start, group.stop)])
    data += footer.end([numbered(group.moved(len(MAGIC) - group.start), 0)], group.rows)
    frame: pl.DataFrame = load_polars("Parquet files").read_parquet(io.BytesIO(data))
    return frame


def _blocks(frame: "pl.DataFrame", first: int) -> Iterator[ParquetBlock]:
    for piece in frame.iter_slices(BLOCK_ROWS):
        yield ParquetBlock(first, piece)
        first += piece.height


class ParquetWriter:
    """Writes dicts as rows, and pairs as rows of `key` and `value`."""

    suffix = ".parquet"

    def __init__(self, format: Parquet) -> None:
        self._compress: _Compression = "uncompressed" if format.compress == "none" else format.compress

    def begin(self) -> "ParquetEncoder":
        """Begin a part."""
        return ParquetEncoder(self._compress)


class ParquetEncoder:
    """Writes one part; its first row group settles the columns and their types."""

    def __init__(self, compress: _Compression) -> None:
        self._polars = load_polars("Parquet files")
        self._compress = compress
        self._waiting: list[Any] = []
        self._footer: Footer | None = None
        self._types: dict[str, Any] = {}
        self._groups: list[Struct] = []
        self._size = self._rows = 0

    def encode(self, records: Sequence[Any]) -> bytes:
        """The row groups that are full."""
        for record in records:
            self._check(record)
        self._waiting += records
        out = b""
        while len(self._waiting) >= GROUP_ROWS:
            out += self._group(self._waiting[:GROUP_ROWS])
            del self._waiting[:GROUP_ROWS]
        return out

    def end(self) -> bytes:
        """The last row group and the footer."""
        out = self._group(self._waiting) if self._waiting or self._footer is None else b""
        assert self._footer
        return out + self._footer.end(self._groups, self._rows)

    def _check(self, record: Any) -> None:
        if not isinstance(record, dict) and not (isinstance(record, tuple) and len(record) == 2):
            raise ValueError("a row of Parquet is a dict, or a pair of key and value")

    def _group(self, records: list[Any]) -> bytes:
        frame = self._framed(records)
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression=self._compress, statistics=True, row_group_size=len(records) or None)
        data = buffer.getvalue()
        footer = Footer.read(data[-TAIL - footer_length(data[-TAIL:]) : -TAIL])
        begin = b"" if self._footer else MAGIC
        self._size += len(begin)
        out = [begin]
        for group in footer.groups:
            self._groups.append(numbered(group.moved(self._size - group.start), len(self._groups)))
            out.append(data[group.start : group.stop])
            self._size += group.stop - group.start
            self._rows += group.rows
        self._footer = self._footer or footer
        return b"".join(out)

    def _framed(self, records: list[Any]) -> "pl.DataFrame":
        rows = [record if isinstance(record, dict) else {"key": record[0], "value": record[1]} for record in records]
        names = list(self._types or (rows[0] if rows else ()))
        for row in rows:
            if row.keys() != set(names):
                raise ValueError(f"a row's columns are {', '.join(map(str, row))}, not {', '.join(map(str, names))}")
        series = self._polars.Series
        columns = [series(name, [row[name] for row in rows], dtype=self._types.get(name)) for name in names]
        self._types = self._types or {column.name: column.dtype for column in columns}
        frame: pl.DataFrame = self._polars.DataFrame(columns)
        return frame
