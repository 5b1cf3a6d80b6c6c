"""Columns in the types of `shape.py` as Python's values: text as `str`, with surrogates for bytes that aren't UTF-8."""

from typing import Any

import polars as pl

from fanfold_steps.columnar import physical
from fanfold_steps.columnar.physical import kind_name
from fanfold_steps.failure.permanent import PermanentFailure

_AS_TEXT: dict[pl.DataType, pl.DataType] = {pl.Binary(): pl.String(), pl.List(pl.Binary): pl.List(pl.String)}
_AS_THEY_ARE = ("null", "bool", "int", "float", "bytes")


def python_values(column: pl.Series, kind: str) -> list[Any]:
    """One value for each row, or one list for each row of a column of lists. Times keep their nanoseconds."""
    if column.dtype in _AS_TEXT and kind == "text":
        try:
            return column.cast(_AS_TEXT[column.dtype]).to_list()
        except pl.exceptions.PolarsError:  # not UTF-8
            return [_text(value) for value in column.to_list()]
    if kind == "int" and column.dtype == pl.String:  # the digits of what needs more than 128 bits
        return list(map(int, column.to_list()))
    if kind in _AS_THEY_ARE:
        return column.to_list()
    return physical.from_physical(column, kind) if kind_name(kind) in physical.NAMES else physical.to_python(column)


def first_row(frame: pl.DataFrame) -> dict[str, Any]:
    """The first row of any frame, for an error message: a time out of Python's range shows as the integer behind it."""
    return {column.name: _first(column) for column in frame.head(1).iter_columns()}


def _first(column: pl.Series) -> Any:
    try:
        return physical.to_python(column)[0]
    except PermanentFailure:
        return column.cast(pl.Int64).item() if column.dtype.is_temporal() else str(column.dtype)


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    return [_text(one) for one in value] if isinstance(value, list) else value
