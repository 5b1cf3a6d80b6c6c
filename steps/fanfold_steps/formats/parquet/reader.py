"""Reading Parquet: a record is a row, a dict by the columns' names.

A row group belongs to the range in which it begins.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.wording import quantity
from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow
from fanfold_steps.formats.parquet.range_file import RangeFile
from fanfold_steps.formats.parquet.to_polars import polars_frame
from fanfold_steps.formats.parquet.to_python import NoPythonValue, python_rows
from fanfold_steps.formats.protocol import BadRecord
from fanfold_steps.formats.sources import Source
from fanfold_steps.job.formats import Parquet
from fanfold_storage.errors import StorageError

if TYPE_CHECKING:
    import polars as pl

BLOCK_ROWS = 1 << 14


@dataclass(slots=True)
class ParquetBlock:
    """Rows of one row group. Their places are their numbers in the file."""

    first: int
    batch: Any
    bad: list[BadRecord] = field(default_factory=list)
    numbers: Sequence[int] = ()

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts."""
        self.numbers = range(self.first, self.first + self.batch.num_rows)
        try:
            return python_rows(self.batch.schema.names, self.batch.columns)
        except NoPythonValue:
            return self._one_by_one()

    def offsets(self) -> Sequence[int]:
        """The good rows' numbers in the file."""
        return self.numbers or range(self.first, self.first + self.batch.num_rows)

    def alone(self, number: int) -> bytes:
        """A file of the row."""
        return _file_of(self.batch.slice(self.offsets()[number] - self.first, 1))

    def frame(self) -> "pl.DataFrame":
        """The rows as a Polars frame; Polars must be installed. Raises ValueError: it can't hold them."""
        return polars_frame(self.batch)

    def _one_by_one(self) -> list[dict[str, Any]]:
        """The rows that Python's types hold; the others are bad."""
        records, numbers = [], []
        self.bad = []
        for number in range(self.batch.num_rows):
            one = self.batch.slice(number, 1)
            try:
                records += python_rows(one.schema.names, one.columns)
                numbers.append(self.first + number)
            except NoPythonValue as error:
                row = f"row {self.first + number}"
                self.bad.append(BadRecord(len(records), self.first + number, row, str(error), _file_of(one)))
        self.numbers = numbers
        return records


def joined(blocks: Sequence[ParquetBlock]) -> ParquetBlock:
    """The rows of neighbouring blocks in one."""
    return ParquetBlock(blocks[0].first, load_pyarrow().concat_batches([block.batch for block in blocks]))


def _file_of(batch: Any) -> bytes:
    pa = load_pyarrow()
    buffer = io.BytesIO()
    with pa.parquet.ParquetWriter(buffer, batch.schema, compression="none") as writer:
        writer.write_batch(batch)
    return buffer.getvalue()


class ParquetReader:
    """Reads rows, a row group at a time."""

    splittable = True
    reads_empty = False

    def __init__(self, format: Parquet) -> None:
        pass

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[ParquetBlock]:
        """The rows of the row groups that begin in [start, stop)."""
        pa = load_pyarrow()
        if source.codec:
            what = f"it is compressed as a whole ({source.codec.name}), which Parquet isn't: decompress it first"
            raise PermanentFailure("input", what, position=Position(source.url, 0, ""))
        try:
            file = range_file(source)
            parquet = pa.parquet.ParquetFile(file)
            _demand_columns(parquet)
            first = 0
            for number, (begin, end, rows) in enumerate(_groups(parquet.metadata)):
                if rows and start <= begin and (stop is None or begin < stop):
                    file.hold(begin, end)
                    yield from _blocks(parquet, number, first)
                first += rows
        except (PermanentFailure, StorageError, MemoryError, GeneratorExit):
            raise
        except Exception as error:  # PyArrow's, or its words for a broken file
            what = f"this isn't a valid Parquet file: {error}"
            raise PermanentFailure("input", what, position=Position(source.url, None, "")) from error


def empty_frame(source: Source) -> "pl.DataFrame":
    """A Polars frame with the columns of a file, and none of its rows; Polars must be installed."""
    return polars_frame(load_pyarrow().parquet.ParquetFile(range_file(source)).schema_arrow.empty_table())


def range_file(source: Source) -> RangeFile:
    """A file as PyArrow reads it. Raises StorageError."""
    return RangeFile(lambda start, stop: b"".join(source.read(start, stop)), source.objects.stat(source.key).size)


def _groups(metadata: Any) -> Iterator[tuple[int, int, int]]:
    """Of each row group, where its bytes begin and end, and how many rows it has."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(at) for at in range(group.num_columns)]
        starts = [_start(column) for column in columns]
        ends = [start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)]
        yield min(starts, default=0), max(ends, default=0), group.num_rows


def _start(column: Any) -> int:
    pages = [column.data_page_offset]
    if column.has_dictionary_page and column.dictionary_page_offset:
        pages.append(column.dictionary_page_offset)
    return int(min(pages))


def _demand_columns(parquet: Any) -> None:
    names = parquet.schema_arrow.names
    if parquet.metadata.num_rows and not names:
        raise ValueError(f"it has {quantity(parquet.metadata.num_rows, 'row')}, but no columns")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"it has two columns called {twice!r}")


def _blocks(parquet: Any, number: int, first: int) -> Iterator[ParquetBlock]:
    for batch in parquet.iter_batches(BLOCK_ROWS, row_groups=[number], use_threads=False):
        yield ParquetBlock(first, batch)
        first += batch.num_rows
