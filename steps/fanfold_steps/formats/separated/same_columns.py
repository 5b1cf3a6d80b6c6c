"""The same columns in all parts of separated values: those of the first part that has any."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fanfold_steps.formats import writer
from fanfold_steps.formats.separated.reader import SeparatedReader
from fanfold_steps.formats.sources import Source
from fanfold_steps.job.formats import CSV, TSV

_MEND = "let all records have the same fields, or give the format `columns`"


class SeparatedColumns:
    """How parts of CSV or TSV are given the same columns."""

    def __init__(self, format: CSV | TSV) -> None:
        self._format = format

    def together(self, one: Any, other: Any) -> Any:
        """The columns of both, as JSON. Raises ValueError: they are others."""
        if not one or not other or one == other:
            return one or other
        ours, theirs = one["names"], other["names"]
        if ours is None or theirs is None:
            raise ValueError(f"records of some have names ({', '.join(ours or theirs)}), of others none: {_MEND}")
        if set(ours) != set(theirs):
            raise ValueError(f"they have the columns {', '.join(ours)}, and {', '.join(theirs)}: {_MEND}")
        return one

    def are_like(self, one: Any, other: Any) -> bool:
        """Whether files of these columns have the same header, and fields in the same order."""
        return bool(one == other or (other.get("names") is None))

    def rewritten(self, part: Source, own: Any, columns: Any) -> Iterator[bytes]:
        """A part's bytes with these columns."""
        encoder = writer(replace(self._format, columns=columns["names"])).begin()
        for records in self._records(part, own):
            yield encoder.encode(records)
        yield from encoder.end()

    def first_unlike(self, part: Source, own: Any, columns: Any) -> Any:
        """The first record of a part whose columns are others."""
        return next((records[0] for records in self._records(part, own) if records), None)

    def _records(self, part: Source, own: Any) -> Iterator[list[Any]]:
        has_header = bool(own.get("names")) and self._format.header is not False
        written = replace(self._format, columns=own.get("names"), header=has_header)
        return (block.records() for block in SeparatedReader(written).blocks(part, 0, None))
