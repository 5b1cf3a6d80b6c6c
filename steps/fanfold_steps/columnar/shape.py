"""What the user's function returned, checked and brought into the few types that all further work is done in.

Text travels as its bytes in UTF-8, so that what isn't UTF-8 keeps its place in the order of keys, which is that of
records. Whole numbers have 64 or 128 bits, floats 64; a float's -0.0 is 0.0, the same key and the same value.
"""

from dataclasses import dataclass

import polars as pl

from fanfold_steps.columnar.frames import unescaped
from fanfold_steps.failure import PermanentFailure

Kinds = dict[str, str]
"""What columns hold: `null`, `bool`, `int`, `float`, `text`, `bytes`, else the name of a type of Polars."""

KEY_KINDS = ("null", "bool", "int", "float", "text", "bytes")


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
        return Shape(_together(self.keys, other.keys), _together(self.values, other.values))


def _together(ours: Kinds, theirs: Kinds) -> Kinds:
    found = {}
    for name, kind in ours.items():
        if "null" not in (kind, theirs[name]) and kind != theirs[name]:
            what = f"the column {name!r} as {kind} in one frame and as {theirs[name]} in another"
            raise PermanentFailure("mapper", f"the batch function returned {what}: cast it, so that it is the same")
        found[name] = theirs[name] if kind == "null" else kind
    return found


def framed(returned: object) -> pl.DataFrame:
    """A frame of what the user's function returned.

    Raises:
        PermanentFailure: it is none.
    """
    if isinstance(returned, pl.DataFrame):
        return returned
    if isinstance(returned, pl.LazyFrame):
        return returned.collect()
    if hasattr(returned, "__arrow_c_stream__"):
        return pl.DataFrame(returned)
    kind = "None" if returned is None else type(returned).__name__
    raise PermanentFailure("mapper", f"the batch function returned {kind}: let it return a frame of Polars or Arrow")


def settled(frame: pl.DataFrame, values: dict[str, bool], *, escaped: bool) -> tuple[pl.DataFrame, Shape]:
    """The frame in our types, with its shape. `values` are the columns to aggregate, and whether each must be there.

    Raises:
        PermanentFailure: a column is missing, or can't be a key.
    """
    missing = [name for name, needed in values.items() if needed and name not in frame.columns]
    if missing:
        what = f"the batch function returned the columns {', '.join(frame.columns)}, but {missing[0]!r} is aggregated"
        raise PermanentFailure("mapper", f"{what}: let it return one of that name")
    settled = [_settle(column, escaped) for column in frame.iter_columns()]
    kinds = {column.name: kind for column, kind in settled}
    keys = {name: kind for name, kind in kinds.items() if name not in values}
    if not keys:
        raise PermanentFailure("mapper", "the batch function returned no key: all of its columns are aggregated")
    for column, kind in settled:
        if column.name in keys:
            _check_key(column, kind)
    shape = Shape(keys, {name: kinds.get(name, "null") for name in values})
    return pl.DataFrame([column for column, _ in settled]), shape


def _settle(column: pl.Series, escaped: bool) -> tuple[pl.Series, str]:
    kind = column.dtype
    if kind in (pl.Categorical, pl.Enum):
        column, kind = column.cast(pl.String), pl.String()
    if kind == pl.String:
        return (_unescaped(column) if escaped else column.cast(pl.Binary)), "text"
    if escaped and kind.is_nested() and "String" in str(kind):
        what = f"the column {column.name!r} holds {kind} where the input isn't UTF-8, whose bytes would be lost in it"
        raise PermanentFailure("mapper", f"{what}: return columns of plain text")
    if kind.is_float():
        column = column.cast(pl.Float64)
        return column.to_frame().select(pl.when(pl.first() == 0).then(0.0).otherwise(pl.first()))[:, 0].alias(
            column.name
        ), "float"
    if kind in (pl.UInt64, pl.Int128):
        return column.cast(pl.Int128), "int"
    if kind.is_integer() and kind != pl.UInt128:
        return column.cast(pl.Int64), "int"
    known = {pl.Boolean: "bool", pl.Binary: "bytes", pl.Null: "null"}
    return column, next((name for one, name in known.items() if kind == one), str(kind))


def _unescaped(column: pl.Series) -> pl.Series:
    texts = column.to_list()
    stored = [None if text is None else unescaped(text).encode("utf-8", "surrogatepass") for text in texts]
    return pl.Series(column.name, stored, dtype=pl.Binary)


def _check_key(column: pl.Series, kind: str) -> None:
    if kind not in KEY_KINDS:
        what = f"the column {column.name!r} holds {kind}, and is part of the key, as it isn't aggregated"
        raise PermanentFailure("mapper", f"{what}: cast it to text or numbers, or leave it out")
    if kind == "float" and column.is_nan().any():
        what = f"NaN can't be a key, as it is neither below nor above any number (column {column.name!r})"
        raise PermanentFailure("mapper", f"{what}: leave such rows out")
