"""Results as records: lines with tabs between their columns, or dicts by the columns' names."""

from typing import Any

import polars as pl

from fanfold_steps.columnar.python import python_values
from fanfold_steps.columnar.shape import Shape


def objects(results: pl.DataFrame, shape: Shape) -> list[dict[str, Any]]:
    """A dict for each row."""
    kinds = {**shape.keys, **shape.values}
    columns = [python_values(results[name], kind) for name, kind in kinds.items()]
    return [dict(zip(kinds, row, strict=True)) for row in zip(*columns, strict=True)]


def lines(results: pl.DataFrame, shape: Shape) -> list[str]:
    """A line for each row, by Polars if it writes the values as Python does."""
    kinds = {**shape.keys, **shape.values}
    try:
        texts = [_text(results[name], kind) for name, kind in kinds.items()]
    except pl.exceptions.PolarsError:
        columns = [map(_plain, python_values(results[name], kind)) for name, kind in kinds.items()]
        return ["\t".join(row) for row in zip(*columns, strict=True)]
    return pl.DataFrame(texts).select(pl.concat_str(pl.all(), separator="\t"))[:, 0].to_list()


def _text(column: pl.Series, kind: str) -> pl.Series:
    """A column as Python's `str` has it. Raises PolarsError if it holds bytes that aren't UTF-8."""
    if not column.null_count() and (column.dtype.is_integer() or column.dtype == pl.Binary):
        return column.cast(pl.String)
    texts = list(map(_plain, python_values(column, kind)))
    try:
        return pl.Series(column.name, texts, dtype=pl.String)
    except UnicodeEncodeError as error:
        raise pl.exceptions.ComputeError("not UTF-8") from error


def _plain(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
