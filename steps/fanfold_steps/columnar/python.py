"""Columns in our types as Python's values: text as `str`, with surrogates for bytes that aren't UTF-8."""

from typing import Any

import polars as pl


def python_values(column: pl.Series, kind: str) -> list[Any]:
    """The values of a column, or the lists of values that it holds."""
    values = column.to_list()
    return [_text(value) for value in values] if kind == "text" else values


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    return [_text(one) for one in value] if isinstance(value, list) else value
