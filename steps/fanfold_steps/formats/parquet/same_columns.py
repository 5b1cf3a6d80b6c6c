"""One schema for all parts of an output, in types that keep the values of each."""

from collections.abc import Iterator
from typing import Any

from fanfold_steps.formats.parquet.arrow_types import schema_of
from fanfold_steps.formats.parquet.parquet_bytes import ParquetBytes
from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow
from fanfold_steps.formats.parquet.reader import ParquetReader, range_file
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.values.inference import settled
from fanfold_steps.formats.values.kinds import Clash, Fields, Kind, from_json, joined, to_json
from fanfold_steps.job.formats import Parquet


class ParquetColumns:
    """How parts of Parquet are given the same columns."""

    def __init__(self, format: Parquet) -> None:
        self._format = format

    def together(self, one: Any, other: Any) -> Any:
        """The columns of both, as JSON. Raises ValueError: their values can't be kept together."""
        try:
            both = to_json(joined(from_json(one), from_json(other)))
            _schema(both)  # or there is none
            return both
        except Clash as clash:
            raise ValueError(f"the column {clash.path[0]!r} holds {clash.problem}: {clash.mend}") from clash

    def are_like(self, one: Any, other: Any) -> bool:
        """Whether files of these columns have the same schema."""
        return bool(_schema(one).equals(_schema(other)))

    def rewritten(self, part: Source, own: Any, columns: Any) -> Iterator[bytes]:
        """A part's bytes with these columns: the same rows, in the same row groups."""
        parquet = load_pyarrow().parquet.ParquetFile(range_file(part))
        out = ParquetBytes(_schema(columns), self._format.compress)
        for number in range(parquet.metadata.num_row_groups):
            yield out.group(parquet.read_row_group(number, use_threads=False))
        yield out.end()

    def first_unlike(self, part: Source, own: Any, columns: Any) -> Any:
        """The first record of a part that doesn't go with these columns of others; None if it isn't found."""
        others = from_json(columns)
        for block in ParquetReader(self._format).blocks(part, 0, None):
            for record in block.records():
                try:
                    joined(others, settled([record])[0])
                except Clash:
                    return record
        return None


def _schema(columns: Any) -> Any:
    kind: Kind = from_json(columns)
    assert isinstance(kind, Fields)
    return schema_of(kind)
