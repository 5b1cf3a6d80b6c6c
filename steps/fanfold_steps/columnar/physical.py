"""Dates, times, durations and decimals as integers, and back as Python's values.

Everything in between works on integers, which Polars groups, sorts and adds up exactly. A column's kind says what its
integers count: `date` days since 1970, `datetime`, `time` and `timedelta` microseconds, `decimal(2)` hundredths. The
kinds `datetime(ns)`, `time(ns)` and `timedelta(ns)` count nanoseconds, `datetime(Europe/Berlin)` microseconds in UTC.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import islice
from typing import Any

import polars as pl

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats.values.plain import NanoDuration, NanoInstant, NanoTime, NanoTimestamp
from fanfold_steps.formats.values.zones import zone

NAMES = ("date", "time", "datetime", "timedelta", "decimal")
_NS = "ns"
_PER_MICROSECOND = 1000  # nanoseconds
_POLARS: dict[str, Any] = {"date": pl.Date(), "datetime": pl.Datetime("us"), "timedelta": pl.Duration("us")}
_MOST_MILLISECONDS = (1 << 63) // 1000 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def kind_name(kind: str) -> str:
    """A kind without its details.

    >>> kind_name("decimal(2)")
    'decimal'
    """
    return kind.partition("(")[0]


def to_physical(column: pl.Series, *, is_key: bool) -> tuple[pl.Series, str] | None:
    """A column as integers of the same length, and their kind; None if its type isn't one that this module converts.

    Raises:
        PermanentFailure: a value is out of range for Python's types, or a key has nanoseconds.
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        return column.to_physical(), f"decimal({dtype.scale})"
    if isinstance(dtype, pl.Date):
        _check_range(column, lambda days: _EPOCH + timedelta(days=days))
        return column.to_physical(), "date"
    if isinstance(dtype, pl.Time):
        return _in_microseconds(column, "time", is_key=is_key)
    if isinstance(dtype, pl.Duration):
        _check_range(column, lambda count: _duration(count, dtype.time_unit))
        return _in_microseconds(column, "timedelta", is_key=is_key)
    if isinstance(dtype, pl.Datetime):
        local = zone(dtype.time_zone) if dtype.time_zone else UTC
        _check_range(column, lambda count: (_EPOCH + _duration(count, dtype.time_unit)).astimezone(local))
        return _in_microseconds(column, "datetime", is_key=is_key)
    return None


def from_physical(column: pl.Series, kind: str) -> list[Any]:
    """The inverse of `to_physical`, through one level of lists. Values with nanoseconds become the classes of `plain`
    that hold them, as `datetime` doesn't."""
    if isinstance(column.dtype, pl.List):
        values = iter(from_physical(column.explode(), kind))
        return [list(islice(values, length)) for length in column.list.len()]
    name, details = kind_name(kind), kind[len(kind_name(kind)) + 1 : -1].split(", ")
    if name == "decimal":
        exponent = f"E-{details[0]}" if details[0] else ""
        return [None if one is None else Decimal(f"{one}{exponent}") for one in column.to_list()]
    if details[0] == _NS:
        return _with_nanoseconds(column, name, details[1:])
    if name == "time":
        return (column * _PER_MICROSECOND).cast(pl.Time).to_list()
    if column.dtype == pl.Int128:  # durations, whose sums may be longer than those of Polars
        return [None if one is None else timedelta(microseconds=one) for one in column.to_list()]
    found: list[Any] = column.cast(_POLARS[name]).to_list()
    return _in_zone(found, zone(details[0])) if details[0] else found


def to_python(column: pl.Series) -> list[Any]:
    """A column of any Polars type as Python's values, converting what lies inside lists and structs too.

    Raises:
        PermanentFailure: a value is out of range for Python's types.
    """
    dtype = column.dtype
    if not _holds_counted(dtype):
        return column.to_list()
    if isinstance(dtype, pl.List | pl.Array):
        return [None if values is None else to_python(values) for values in column]
    if isinstance(dtype, pl.Struct):
        fields = {field.name: to_python(column.struct.field(field.name)) for field in dtype.fields}
        rows = [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]
        return [None if missing else row for missing, row in zip(column.is_null(), rows, strict=True)]
    found = to_physical(column, is_key=False)
    return column.to_list() if found is None else from_physical(*found)


def check(column: pl.Series) -> None:
    """Check that `to_python` can convert a column, without converting it. Raises PermanentFailure."""
    dtype = column.dtype
    if not _holds_counted(dtype):
        return
    if isinstance(dtype, pl.List | pl.Array):
        check(column.explode())
    elif isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            check(column.struct.field(field.name).alias(f"{column.name}.{field.name}"))
    else:
        to_physical(column, is_key=False)


def _holds_counted(dtype: pl.DataType) -> bool:
    """Whether a type is one that `to_physical` converts, or contains one."""
    if isinstance(dtype, pl.List | pl.Array):
        return _holds_counted(dtype.inner)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return any(_holds_counted(field.dtype) for field in dtype.fields)  # type: ignore[arg-type]
    return dtype.is_temporal() or dtype.is_decimal()


def _check_range(column: pl.Series, convert: Callable[[int], Any]) -> None:
    """Convert the smallest and the largest integer of a column: if both can be, so can all. Raises PermanentFailure."""
    counts = column.to_physical()
    try:
        for count in (counts.min(), counts.max()):
            if count is not None:
                convert(count)  # type: ignore[arg-type]
    except (OverflowError, ValueError) as error:
        is_long = isinstance(column.dtype, pl.Duration)
        where = "longer than a timedelta can be" if is_long else "outside the years 1 to 9999"
        what = f"the column {column.name!r} holds {column.dtype}, and a value in it is {where}"
        raise PermanentFailure("mapper", f"{what}: leave such rows out, or cast the column to integers") from error


def _duration(count: int, unit: str) -> timedelta:
    """Nanoseconds are dropped, as only the range matters to the callers. Raises OverflowError."""
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds, rest = divmod(count, per_second)
    return timedelta(seconds=seconds, microseconds=rest * 10**6 // per_second)


def _in_microseconds(column: pl.Series, name: str, *, is_key: bool) -> tuple[pl.Series, str]:
    """A column of any time unit in microseconds, or in nanoseconds if that is its unit and it isn't a key."""
    dtype, counts = column.dtype, column.to_physical()
    unit, details = getattr(dtype, "time_unit", _NS), [getattr(dtype, "time_zone", None) or ""]
    if unit == _NS and is_key:
        counts, has_nanoseconds = _whole_microseconds(counts)
        if has_nanoseconds.any():
            what = f"the column {column.name!r} is part of the key and holds {dtype} with nanoseconds, which no key has"
            raise PermanentFailure("mapper", f"{what}: round it to microseconds, or cast it to integers or to text")
    elif unit == _NS:
        details.insert(0, _NS)
    elif unit == "ms":
        counts = _times_1000(counts)
    described = ", ".join(filter(None, details))
    return counts, f"{name}({described})" if described else name


def _times_1000(counts: pl.Series) -> pl.Series:
    """Milliseconds as microseconds; the longest durations then need more than 64 bits."""
    fits = counts.is_between(-_MOST_MILLISECONDS, _MOST_MILLISECONDS).all()
    return (counts if fits else counts.cast(pl.Int128)).to_frame().select(pl.first() * 1000)[:, 0]


def _whole_microseconds(nanoseconds: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Nanoseconds rounded down to microseconds, and for each whether anything was lost."""
    parts = nanoseconds.to_frame().select(whole=pl.first() // _PER_MICROSECOND, rest=pl.first() % _PER_MICROSECOND != 0)
    return parts["whole"].alias(nanoseconds.name), parts["rest"]


def _with_nanoseconds(column: pl.Series, name: str, details: list[str]) -> list[Any]:
    """Python's values; one that microseconds can't hold becomes the class that counts its nanoseconds."""
    microseconds, has_nanoseconds = _whole_microseconds(column)
    coarse = from_physical(microseconds, f"{name}({details[0]})" if details else name)
    if not has_nanoseconds.any():
        return coarse
    counted = {"time": NanoTime, "timedelta": NanoDuration, "datetime": NanoInstant if details else NanoTimestamp}[name]
    both = zip(coarse, column.to_list(), has_nanoseconds.to_list(), strict=True)
    return [counted(count) if is_fine else value for value, count, is_fine in both]


def _in_zone(values: list[datetime | None], there: tzinfo) -> list[datetime | None]:
    return [None if one is None else one.replace(tzinfo=UTC).astimezone(there) for one in values]
