"""Values of the standard library, and of NumPy, pandas and PyArrow, as the plain ones that formats write.

What a plain value is depends on no library: None, bool, int, float, str, bytes, Decimal, date, datetime, time,
timedelta, lists and dicts of them, and what counts nanoseconds, which Python's own times can't.
"""

import dataclasses
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, get_args
from uuid import UUID


class NanoTimestamp(int):
    """Nanoseconds since 1970, on no particular clock."""


class NanoInstant(int):
    """Nanoseconds since 1970 in UTC."""


class NanoDuration(int):
    """A length of time in nanoseconds."""


class NanoTime(int):
    """Nanoseconds since midnight."""


NANOSECONDS = NanoTimestamp | NanoInstant | NanoDuration | NanoTime
_AS_THEY_ARE = {
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    Decimal,
    date,
    datetime,
    time,
    timedelta,
    *get_args(NANOSECONDS),
}
_TWICE = "two keys of a dict are the same text"
_NO_ORDER = "a set has no order: sort it into a list"


def plain(value: Any) -> Any:
    """The plain value that stands for this one, through all that it holds.

    An Enum's member is its value; a dataclass or a named tuple is a dict of its fields; a UUID or a Fraction is text.

    Raises:
        TypeError: there is none; the text says why.

    >>> from collections import namedtuple
    >>> plain((Fraction(1, 3), namedtuple("Point", "x y")(1, 2.5), bytearray(b"a")))
    ['1/3', {'x': 1, 'y': 2.5}, b'a']
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is list or kind is tuple:
        return [plain(item) for item in value]
    if kind is dict:
        return _plain_dict(value)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, UUID | Fraction):
        return str(value)
    if (fields := named_fields(value)) is not None:
        return {name: plain(item) for name, item in fields.items()}
    if is_of_library(value):
        return _LIBRARIES[kind.__module__.partition(".")[0]](value)
    return _of_subclass(value)


def textual(value: Any) -> Any:
    """A plain value as JSON has it: what JSON has no type for is text.

    Dates and times are ISO 8601, as `2026-01-31T12:00:00+02:00` and `P1DT2H`, decimals their digits, bytes base64. The
    keys of objects are text.

    Raises:
        TypeError: two keys of a dict are the same text.

    >>> textual([Decimal("1.50"), date(2026, 1, 31), timedelta(days=1, seconds=90), b"a", {1: NanoTime(1)}])
    ['1.50', '2026-01-31', 'P1DT1M30S', 'YQ==', {'1': '00:00:00.000000001'}]
    """
    if isinstance(value, list):
        return [textual(item) for item in value]
    if isinstance(value, dict):
        found = {_key(key): textual(item) for key, item in value.items()}
        if len(found) < len(value):
            raise TypeError(_TWICE)
        return found
    convert = next((_TEXTUAL[one] for one in type(value).__mro__ if one in _TEXTUAL), None)
    return convert(value) if convert else value


def _key(key: Any) -> str:
    found = textual(key)
    return found if isinstance(found, str) else json.dumps(found)


def _duration(value: timedelta | NanoDuration) -> str:
    """A length of time as ISO 8601 has it; a negative one has its sign before it."""
    count = value if isinstance(value, NanoDuration) else value // timedelta(microseconds=1) * 1000
    seconds, nanoseconds = divmod(abs(count), 10**9)
    (days, seconds), sign = divmod(seconds, 86_400), "-" if count < 0 else ""
    (hours, seconds), fraction = divmod(seconds, 3600), f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    minutes, seconds = divmod(seconds, 60)
    clock = "".join(f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M")) if number)
    if seconds or fraction:
        clock += f"{seconds}{fraction}S"
    date_part = f"{days}D" if days else ""
    return f"{sign}P{date_part}T{clock}" if clock else f"{sign}P{date_part or 'T0S'}"


def _nano_timestamp(value: int) -> str:
    seconds, nanoseconds = divmod(value, 10**9)
    return f"{(datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()}.{nanoseconds:09d}"


def _nano_time(value: int) -> str:
    return _nano_timestamp(value).partition("T")[2]


_TEXTUAL: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: b64encode(value).decode(),
    Decimal: str,
    date: lambda value: value.isoformat(),
    time: lambda value: value.isoformat(),
    timedelta: _duration,
    NanoDuration: _duration,
    NanoTimestamp: _nano_timestamp,
    NanoInstant: lambda value: f"{_nano_timestamp(value)}+00:00",
    NanoTime: _nano_time,
}


def is_of_library(value: Any) -> bool:
    """Whether it is a value of NumPy, pandas, PyArrow or Polars."""
    return type(value).__module__.partition(".")[0] in _LIBRARIES


def named_fields(value: Any) -> dict[str, Any] | None:
    """The fields of a dataclass or a named tuple; None if it is neither."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return None


def _plain_dict(value: Mapping[Any, Any]) -> dict[Any, Any]:
    found = {_plain_key(key): plain(item) for key, item in value.items()}
    if len(found) < len(value):
        raise TypeError(_TWICE)
    return found


def _plain_key(key: Any) -> Any:
    found = plain(key)
    if isinstance(found, list | dict):
        raise TypeError(f"a dict has the key {key!r}, which has no text of its own: make it one text")
    return found


def _of_subclass(value: Any) -> Any:
    """What is a plain value but for its class, as a plain one."""
    if isinstance(value, Mapping):
        return _plain_dict(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, datetime | date | time | timedelta | Decimal):
        return value
    if isinstance(value, set | frozenset):
        raise TypeError(_NO_ORDER)
    raise TypeError(f"{type(value).__name__} has no type that can be written: yield its fields, or str() of it")


def _of_numpy(value: Any) -> Any:
    if value.shape:
        return [plain(item) for item in value]
    if type(value).__name__ == "MaskedConstant":  # whose `item()` is 0.0
        return None
    if value.dtype.kind in "mM" and not _is_coarse(value):
        return _nanoseconds(value, NanoTimestamp if value.dtype.kind == "M" else NanoDuration)
    found = value.item()
    if type(found) is type(value):
        raise TypeError(f"a numpy.{type(value).__name__} has no type that would keep it: convert it to a float")
    return plain(found)


def _is_coarse(value: Any) -> bool:
    """Whether Python's own times hold a time of NumPy."""
    return bool(value != value) or not isinstance(value.item(), int)


def _nanoseconds(value: Any, kind: type[int]) -> int:
    exact = value.astype(f"{value.dtype.kind}8[ns]")
    if exact != value:
        raise TypeError(f"{value!r} isn't a whole number of nanoseconds below 2^63: convert it first")
    return kind(exact.astype("i8"))


def _of_pandas(value: Any) -> Any:
    """Its times, which are Python's but for their nanoseconds; and its words for what is missing."""
    name = type(value).__name__
    if name in ("NaTType", "NAType"):
        return None
    if name == "Timestamp":
        if not value.nanosecond:
            return value.to_pydatetime()
        return (NanoTimestamp if value.tzinfo is None else NanoInstant)(value.value)
    if name == "Timedelta":
        return NanoDuration(value.value) if value.nanoseconds else value.to_pytimedelta()
    if hasattr(value, "tolist"):
        return [plain(item) for item in value]
    return _of_subclass(value)


def _of_pyarrow(value: Any) -> Any:
    """Its scalars; what counts nanoseconds keeps them."""
    kind = getattr(value, "type", None)
    counts = {"timestamp": NanoTimestamp, "duration": NanoDuration, "time64": NanoTime}.get(str(kind).partition("[")[0])
    if counts and getattr(kind, "unit", None) == "ns" and hasattr(value, "value"):
        counts = NanoInstant if getattr(kind, "tz", None) else counts
        return None if value.value is None else counts(value.value)
    if hasattr(value, "as_py"):
        return plain(value.as_py())
    return [plain(item) for item in value]


_LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": _of_numpy,
    "pandas": _of_pandas,
    "pyarrow": _of_pyarrow,
    "polars": lambda series: [plain(item) for item in series.to_list()],
    "array": lambda items: [plain(item) for item in items],
}
