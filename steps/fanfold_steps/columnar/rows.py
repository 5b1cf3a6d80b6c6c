"""Results as records: lines with tabs between their columns, or dicts by the columns' names."""

from typing import Any

import polars as pl

from fanfold_steps.columnar.python import python_values
from fanfold_steps.columnar.shape import Kinds
from fanfold_steps.formats.text import as_text

_AS_PYTHON_DOES = ("null", "bool", "int", "float", "text")  # quicker than `as_text`, which does the same


def objects(results: pl.DataFrame, kinds: Kinds) -> list[dict[str, Any]]:
    """A dict for each row."""
    columns = [(name, python_values(results[name], kind)) for name, kind in kinds.items()]
    return [{name: values[at] for name, values in columns} for at in range(results.height)]


def lines(results: pl.DataFrame, kinds: Kinds) -> list[str]:
    """A line for each row. Polars joins the columns, unless text isn't valid UTF-8."""
    try:
        texts = [_text(results[name], kind) for name, kind in kinds.items()]
    except pl.exceptions.PolarsError:
        columns = [map(as_text, python_values(results[name], kind)) for name, kind in kinds.items()]
        return ["\t".join(row) for row in zip(*columns, strict=True)]
    return pl.DataFrame(texts).select(pl.concat_str(pl.all(), separator="\t"))[:, 0].to_list()


def _text(column: pl.Series, kind: str) -> pl.Series:
    """A column as text, formatted as Python does. Raises PolarsError: it holds bytes that aren't UTF-8."""
    if not column.null_count() and kind in ("int", "text", "bytes") and column.dtype != pl.List:
        return column.cast(pl.String)
    texts = list(map(str if kind in _AS_PYTHON_DOES else as_text, python_values(column, kind)))
    try:
        return pl.Series(column.name, texts, dtype=pl.String)
    except UnicodeEncodeError as error:
        raise pl.exceptions.ComputeError("not UTF-8") from error
