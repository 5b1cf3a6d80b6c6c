"""Arrow's values as frames of Polars, each equal to what Arrow holds, or refused."""

from functools import cache
from typing import TYPE_CHECKING, Any

from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow
from fanfold_steps.formats.parquet.to_python import PER_SECOND, NoPythonValue, are_within

if TYPE_CHECKING:
    import polars as pl

_MOST_SECONDS = (1 << 63) // 1000  # of which 64 bits hold the milliseconds


def polars_frame(batch: Any) -> "pl.DataFrame":
    """A record batch as a frame; Polars must be installed. Raises ValueError: it can't hold a value."""
    import polars

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        check_for_polars(name, column)
    try:
        found: pl.DataFrame = polars.from_arrow(_in_known_zones(batch))  # type: ignore[assignment]
    except polars.exceptions.PanicException as error:  # not a subclass of Exception
        raise ValueError(f"Polars can't hold it ({error})") from error
    return found


def check_for_polars(name: str, array: Any) -> None:
    """Check that Polars reads each value of a column, also inside lists and structs, as what it is.

    Raises:
        NoPythonValue: Polars would read one as another value, or as null.
    """
    types, kind = load_pyarrow().types, array.type
    if types.is_struct(kind):
        for field, part in zip(kind, array.flatten(), strict=True):
            check_for_polars(f"{name}.{field.name}", part)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        check_for_polars(name, array.flatten())
    elif types.is_time(kind):
        per_second = PER_SECOND.get(kind.unit, 10**9)
        if not are_within(array.view("int32" if kind.bit_width == 32 else "int64"), 0, 86_400 * per_second - 1):
            raise NoPythonValue(f"the column {name!r} holds a time of day outside 0 to 24 hours: cast it before")
    elif _counts_seconds(kind) and not are_within(array.view("int64"), -_MOST_SECONDS, _MOST_SECONDS):
        what = f"the column {name!r} holds a time too long, or too far away, for Polars"
        raise NoPythonValue(f"{what}: cast it before")


def _counts_seconds(type: Any) -> bool:
    """Whether it is a type that Polars converts to milliseconds."""
    types = load_pyarrow().types
    return bool(types.is_timestamp(type) or types.is_duration(type)) and type.unit == "s"


def _in_known_zones(batch: Any) -> Any:
    """A batch with times in UTC, the same instants, in place of those whose zone Polars doesn't know."""
    pa = load_pyarrow()
    schema = pa.schema([pa.field(one.name, _in_known_zone(one.type)) for one in batch.schema])
    return batch if schema.equals(batch.schema) else batch.cast(schema)


def _in_known_zone(type: Any) -> Any:
    pa, types = load_pyarrow(), load_pyarrow().types
    if types.is_timestamp(type) and type.tz is not None and not _is_known(type.tz):
        return pa.timestamp(type.unit, "UTC")
    if types.is_list(type):
        return pa.list_(_in_known_zone(type.value_type))
    if types.is_struct(type):
        return pa.struct([(field.name, _in_known_zone(field.type)) for field in type])
    return type


@cache
def _is_known(zone: str) -> bool:
    """Whether Polars knows a zone; it has no list of them to ask."""
    import polars

    try:
        polars.Series([0]).cast(polars.Datetime("us", zone))
    except polars.exceptions.PolarsError:
        return False
    return True
