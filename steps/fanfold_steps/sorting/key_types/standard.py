"""Keys of the standard library's types and of the user's own classes: a `KnownType` for each type.

Loaded only when the first such key occurs, because few jobs have any. Keys that are equal in Python have the same
bytes: a Decimal those of the int or float, an IntEnum member those of its number, a named tuple those of the tuple.
"""

import dataclasses
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any
from uuid import UUID

from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting.key_types import classes, encoding, times
from fanfold_steps.sorting.key_types.known import NAN, Exact, KnownType, UnsortableKey, always, never
from fanfold_steps.sorting.key_types.rationals import encode_rational

MOST_EXPONENT = 10_000


def known_type(kind: type, exact: Exact) -> KnownType | None:
    """How keys of a type are handled; None if the type has no place in the order. `exact` handles their elements.

    Raises:
        UnsortableKey: the class could be a key, except for a reason that the text gives.
    """
    plain = next((plain for base, plain in _PLAIN.items() if issubclass(kind, base)), None)
    if issubclass(kind, Enum):
        return classes.mixed_enum(kind, plain, exact) if plain else classes.enum(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return classes.named_tuple(kind, exact)
    if dataclasses.is_dataclass(kind):
        return classes.frozen_dataclass(kind, exact)
    if kind in _FORMS or plain is None:
        return _FORMS.get(kind)

    def plain_part(key: Any) -> Any:
        part = exact(plain(key))
        classes.demand_equal(key, part)
        return part

    return KnownType(plain_part, _not_exact, never, always)


def add_decoders() -> None:
    """Let `encoding` decode elements of the standard library's types."""
    encoding.DECODERS.update({**times.DECODERS, encoding.UUID: _decode_uuid})


def _decode_uuid(data: bytes, at: int) -> tuple[UUID, int]:
    return UUID(bytes=data[at : at + 16]), at + 16


def _exact_decimal(key: Decimal) -> Decimal:
    if key.is_nan():
        raise UnsortableKey(NAN)
    if key.is_finite() and key and abs(key.adjusted()) > MOST_EXPONENT:
        raise UnsortableKey(f"a Decimal that is a key has an exponent of at most {MOST_EXPONENT:,}, not {shown(key)}")
    return key


def _encode_decimal(key: Decimal) -> bytes:
    return encode_rational(Fraction(key)) if key.is_finite() else encoding.encode_float(float(key))


def _as_it_is(key: Any) -> Any:
    return key


def _not_exact(key: Any) -> bytes:
    raise AssertionError(f"{type(key).__name__} is converted to its plain type before it is encoded")


def _has_no_offset(key: datetime | time) -> bool:
    return key.utcoffset() is None


def _is_bare(key: datetime | time) -> bool:
    return key.tzinfo is None and not key.fold


_FORMS: dict[type, KnownType] = {
    date: KnownType(_as_it_is, times.encode_date, always, always),
    datetime: KnownType(_as_it_is, times.encode_datetime, _is_bare, _has_no_offset),
    time: KnownType(_as_it_is, times.encode_time, _is_bare, _has_no_offset),
    timedelta: KnownType(_as_it_is, times.encode_timedelta, always, always),
    Decimal: KnownType(_exact_decimal, _encode_decimal, never, always),
    Fraction: KnownType(_as_it_is, encode_rational, never, always),
    UUID: KnownType(_as_it_is, lambda key: encoding.UUID + key.bytes, always, always),
}

_PLAIN: dict[type, Exact] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
    tuple: lambda key: tuple(tuple.__iter__(key)),
    datetime: lambda key: datetime.combine(date(key.year, key.month, key.day), _plain_time(key), key.tzinfo),
    date: lambda key: date(key.year, key.month, key.day),
    time: lambda key: _plain_time(key).replace(tzinfo=key.tzinfo),
    timedelta: lambda key: timedelta(key.days, key.seconds, key.microseconds),
    Decimal: Decimal,
    Fraction: lambda key: Fraction(key.numerator, key.denominator),
    UUID: lambda key: UUID(int=key.int),
}
"""How an instance of a derived type is converted to the type itself."""


def _plain_time(key: datetime | time) -> time:
    return time(key.hour, key.minute, key.second, key.microsecond, fold=key.fold)
