"""Frames of JSON records: a file's columns and their types are those of its first records, so that no cut shows."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from fanfold_steps.batches import FileBatch
from fanfold_steps.failure import PermanentFailure, shown
from fanfold_steps.formats import reader
from fanfold_steps.formats.declared import JSONL

HEAD_BYTES = 64 << 10  # from which the types are taken
Types = dict[str, Any]
_MEND = "take the lines (input=Text()) and decode them in the function, with types of your own"


class FileTypes:
    """The types of files, found once for each."""

    def __init__(self) -> None:
        self._found: dict[str, Types] = {}

    def framed(self, records: Sequence[Any], batch: FileBatch) -> pl.DataFrame:
        """Records as rows; what a record lacks is null.

        Raises:
            PermanentFailure: one isn't an object, or doesn't fit the types, with its position.
        """
        types = self._of(batch)
        for number, record in enumerate(records):
            if not isinstance(record, dict) or not record.keys() <= types.keys():
                raise _misfit(batch, number, record, _unknown(record, types))
        columns = [_column(name, [record.get(name) for record in records], kind) for name, kind in types.items()]
        wrong = next((name for name, column in zip(types, columns, strict=True) if column is None), None)
        if wrong is None:
            return pl.DataFrame(columns)
        number = next(
            n for n, record in enumerate(records) if _column(wrong, [record.get(wrong)], types[wrong]) is None
        )
        value = shown(records[number][wrong])
        raise _misfit(
            batch, number, records[number], f"its field {wrong!r} is {value}, where others are {types[wrong]}"
        )

    def _of(self, batch: FileBatch) -> Types:
        if batch.url not in self._found:
            head = [block.records() for block in reader(JSONL()).blocks(batch.source, 0, HEAD_BYTES)]
            self._found[batch.url] = _types([record for block in head for record in block if isinstance(record, dict)])
        return self._found[batch.url]


def _types(records: Sequence[dict[str, Any]]) -> Types:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _type([record.get(name) for record in records]) for name in names}


def _type(values: list[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pl.Float64()
    if kinds == {int}:
        return pl.Int64()
    try:
        return pl.Series(values, strict=True).dtype
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        return pl.Null()  # no type has all of them: the first record that isn't null is told


def _column(name: str, values: list[Any], kind: Any) -> pl.Series | None:
    """A column of a type; None if a value isn't of it."""
    if kind.is_numeric() and bool in set(map(type, values)):
        return None
    if kind == pl.Float64:
        values = [float(value) if type(value) is int else value for value in values]
    try:
        column = pl.Series(name, values, dtype=kind, strict=True)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        return None
    return column if column.null_count() == sum(value is None for value in values) else None


def _unknown(record: Any, types: Types) -> str:
    if not isinstance(record, dict):
        return f"it is {type(record).__name__}, and no object with fields"
    return f"its field {next(name for name in record if name not in types)!r} is in none of the file's first records"


def _misfit(batch: FileBatch, number: int, record: Any, problem: str) -> PermanentFailure:
    position = batch.position_of(number, record)
    return PermanentFailure("input", f"this record doesn't fit into a frame: {problem}; {_MEND}", position=position)
