"""What the user's function returned, checked and converted to the few types that everything after it works on.

Text becomes its bytes in UTF-8, so that text that isn't valid UTF-8 sorts as it does in jobs by records. Integers have
64 or 128 bits, floats 64. -0.0 becomes 0.0, since both are the same key and the same value. Dates, times and decimals
become integers (`physical.py`).
"""

import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from fanfold_steps.columnar import physical
from fanfold_steps.columnar.physical import kind_name
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow
from fanfold_steps.formats.parquet.to_polars import check_for_polars
from fanfold_steps.formats.parquet.to_python import NoPythonValue
from fanfold_steps.formats.stand_ins import unescaped
from fanfold_steps.job.spec import Aggregate

Kinds = dict[str, str]
"""What each column holds: `null`, `bool`, `int`, `float`, `text`, `bytes`, one of the kinds in `physical.py`, or the
name of a Polars type, for values that aren't compared."""

ORDERED = ("null", "bool", "int", "float", "text", "bytes", *physical.NAMES)
"""The names of the kinds whose values can be sorted."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a stage's frames: those of the key, in order, and those that are aggregated."""

    keys: Kinds
    values: Kinds

    def with_(self, other: "Shape") -> "Shape":
        """The shape of both together: a column of nulls alone is what the other is.

        Raises:
            PermanentFailure: they differ.
        """
        if list(self.keys) != list(other.keys):
            what = f"{', '.join(self.keys)} in one frame and {', '.join(other.keys)} in another"
            raise PermanentFailure("mapper", f"the batch function returned the key columns {what}: let it be the same")
        return Shape(_common_kinds(self.keys, other.keys), _common_kinds(self.values, other.values))


def _common_kinds(ours: Kinds, theirs: Kinds) -> Kinds:
    found = {}
    for name, kind in ours.items():
        if "null" not in (kind, theirs[name]) and kind != theirs[name]:
            what = f"the column {name!r} as {kind} in one frame and as {theirs[name]} in another"
            raise PermanentFailure("mapper", f"the batch function returned {what}: cast it, so that it is the same")
        found[name] = theirs[name] if kind == "null" else kind
    return found


def as_frame(returned: object) -> pl.DataFrame:
    """A frame of what the user's function returned.

    Raises:
        PermanentFailure: it isn't a frame.
    """
    if isinstance(returned, pl.DataFrame):
        return returned
    if isinstance(returned, pl.LazyFrame):
        return returned.collect()
    if hasattr(returned, "__arrow_c_stream__"):
        return pl.DataFrame(_checked(returned) if "pyarrow" in sys.modules else returned)
    kind = "None" if returned is None else type(returned).__name__
    raise PermanentFailure("mapper", f"the batch function returned {kind}: let it return a frame of Polars or Arrow")


def _checked(returned: object) -> Any:
    """A table of PyArrow. Raises PermanentFailure: Polars would change a value of it."""
    table = load_pyarrow().table(returned)
    try:
        for name, column in zip(table.column_names, table.columns, strict=True):
            for chunk in column.chunks:
                check_for_polars(name, chunk)
    except NoPythonValue as error:
        raise PermanentFailure("mapper", f"the batch function returned what can't be a frame: {error}") from error
    return table


def with_results(frame: pl.DataFrame, key: list[str] | None, reduce: dict[str, Aggregate]) -> pl.DataFrame:
    """The columns of the key, and for each result the column that it is made of, under the result's name.

    Raises:
        PermanentFailure: a column is missing.
    """
    made_of = {name: one.field or name for name, one in reduce.items() if one.aggregate != "Count"}
    if key is None:
        used = {*reduce, *made_of.values()}
        key = [name for name in frame.columns if name not in used]
    for name in (*key, *made_of.values()):
        if name not in frame.columns:
            role = "is part of the key" if name in key else "is aggregated"
            what = f"the batch function returned the columns {', '.join(frame.columns)}, but {name!r} {role}"
            raise PermanentFailure("mapper", f"{what}: let it return one of that name")
    if all(name == field for name, field in made_of.items()) and set(frame.columns) <= {*key, *made_of}:
        return frame
    return frame.select(*key, *(pl.col(field).alias(name) for name, field in made_of.items()))


def normalized(frame: pl.DataFrame, values: Collection[str], *, escaped: bool) -> tuple[pl.DataFrame, Shape]:
    """The frame in the types that the module's docstring lists, with its shape. `values` are the columns to aggregate.

    Raises:
        PermanentFailure: a column can't be a key, or holds a value that Python's types don't.
    """
    columns = [_normalized(column, escaped, column.name not in values) for column in frame.iter_columns()]
    kinds = {column.name: kind for column, kind in columns}
    keys = {name: kind for name, kind in kinds.items() if name not in values}
    if not keys:
        raise PermanentFailure("mapper", "the batch function returned no key: all of its columns are aggregated")
    for column, kind in columns:
        if column.name in keys:
            _check_key(column, kind)
    shape = Shape(keys, {name: kinds.get(name, "null") for name in values})
    return pl.DataFrame([column for column, _ in columns]), shape


def _normalized(column: pl.Series, escaped: bool, is_key: bool) -> tuple[pl.Series, str]:
    kind = column.dtype
    if kind in (pl.Categorical, pl.Enum):
        column, kind = column.cast(pl.String), pl.String()
    if kind == pl.String:
        return (_unescaped(column) if escaped else column.cast(pl.Binary)), "text"
    if escaped and kind.is_nested() and "String" in str(kind):
        what = f"the column {column.name!r} holds {kind} where the input isn't UTF-8, whose bytes would be lost in it"
        raise PermanentFailure("mapper", f"{what}: return columns of plain text")
    if kind.is_float():
        zero_is_positive = pl.when(pl.first() == 0).then(0.0).otherwise(pl.first()).alias(column.name)
        return column.cast(pl.Float64).to_frame().select(zero_is_positive)[:, 0], "float"
    if kind.is_integer():
        return _whole(column), "int"
    if counted := physical.to_physical(column, is_key=is_key):
        return counted
    known = {pl.Boolean: "bool", pl.Binary: "bytes", pl.Null: "null"}
    return column, next((name for one, name in known.items() if kind == one), "") or _foreign(column)


def _whole(column: pl.Series) -> pl.Series:
    """Integers in 64 bits, or in 128 where their type may need that."""
    kind = column.dtype
    if kind not in (pl.UInt64, pl.Int128, pl.UInt128):
        return column.cast(pl.Int64)
    try:
        return column.cast(pl.Int128)
    except pl.exceptions.PolarsError as error:
        what = f"the column {column.name!r} holds {kind}, and a number in it is beyond 2**127"
        raise PermanentFailure("mapper", f"{what}: cast the column to text") from error


def _foreign(column: pl.Series) -> str:
    """The kind of a column whose values are only carried: its type."""
    if column.dtype == pl.Object:
        what = f"the column {column.name!r} holds Python's objects (Object), which frames can't carry"
        raise PermanentFailure("mapper", f"{what}: give it a type of Polars, or write the job for records")
    physical.check(column)
    return str(column.dtype)


def _unescaped(column: pl.Series) -> pl.Series:
    texts = column.to_list()
    stored = [None if text is None else unescaped(text).encode("utf-8", "surrogatepass") for text in texts]
    return pl.Series(column.name, stored, dtype=pl.Binary)


def _check_key(column: pl.Series, kind: str) -> None:
    if kind_name(kind) not in ORDERED:
        what = f"the column {column.name!r} holds {kind}, and is part of the key, as it isn't aggregated"
        raise PermanentFailure("mapper", f"{what}: cast it to text or numbers, or leave it out")
    if kind == "float" and column.is_nan().any():
        what = f"NaN can't be a key, as it is neither below nor above any number (column {column.name!r})"
        raise PermanentFailure("mapper", f"{what}: leave such rows out")
