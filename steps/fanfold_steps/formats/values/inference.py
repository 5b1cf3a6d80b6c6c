"""Which kind the values of a column are: by their Python types, all values at once."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial, reduce
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any

from fanfold_steps.formats.values.kinds import (
    BOOL,
    BYTES,
    DATE,
    FLOAT,
    MOST_DIGITS,
    MOST_FIELDS,
    NULL,
    TEXT,
    Clash,
    Entries,
    Exact,
    Fields,
    Items,
    Kind,
    Moments,
    Whole,
    joined,
    with_path,
)
from fanfold_steps.formats.values.plain import NanoDuration, NanoInstant, NanoTime, NanoTimestamp, plain

_NANOSECOND_YEARS = range(1678, 2262)  # that 64 bits of nanoseconds hold whole
_NANOSECOND_DAYS = 106_751
_LONGEST = timedelta(microseconds=(1 << 63) - 1)


class Foreign(Exception):
    """A value isn't one of the plain ones."""


def settled(values: list[Any]) -> tuple[Kind, list[Any]]:
    """The kind of these values, and the plain ones that stand for them. Raises Clash, or TypeError."""
    try:
        return kind_of(values), values
    except Foreign:
        found = [plain(value) for value in values]
        return kind_of(found), found


def settled_rows(rows: Sequence[dict[Any, Any]]) -> tuple[Fields, dict[str, list[Any]]]:
    """The kind of these rows, and their columns in plain values, where None is what a row lacks.

    Raises:
        Clash: values of a column can't be kept together.
        TypeError: no plain value stands for one.
    """
    columns = _transposed(rows)
    if columns is None:
        columns = _transposed([plain(row) for row in rows])
    if columns is None:
        raise Clash("a column whose name isn't a string", "use a string as its name")
    kinds: dict[str, Kind] = {}
    for name, values in columns.items():
        kinds[name], columns[name] = with_path(name, partial(settled, values))
    return Fields(kinds), columns


def kind_of(values: Collection[Any]) -> Kind:
    """The kind of plain values. Raises Clash, or Foreign for one that isn't plain."""
    types = set(map(type, values))
    if NoneType in types:
        types.discard(NoneType)
        values = [value for value in values if value is not None]
    if not types:
        return NULL
    if len(types) == 1:
        return _of_type(types.pop(), values)
    in_order = sorted(types, key=lambda one: one.__name__)
    return reduce(joined, [_of_type(one, [value for value in values if type(value) is one]) for one in in_order])


def _of_type(kind: type, values: Collection[Any]) -> Kind:
    found = _KINDS.get(kind)
    if found is None:
        raise Foreign
    return found(values)


def _whole(values: Collection[int]) -> Kind:
    found = Whole(min(values), max(values))
    if found.high >= 10**MOST_DIGITS or found.low <= -(10**MOST_DIGITS):
        raise Clash(f"an integer of more than {MOST_DIGITS} digits", "write it as text, by str()")
    return found


def _exact(values: Collection[Decimal]) -> Kind:
    if not all(value.is_finite() for value in values):
        raise Clash("a decimal that is infinite or not a number", "write None instead")
    whole = max(value.adjusted() + 1 if value else 0 for value in values)
    scale = max(-int(value.as_tuple().exponent) for value in values)
    return Exact(max(whole, 0), max(scale, 0))


def _timestamps(values: Collection[datetime]) -> Kind:
    zoned = {value.tzinfo is not None for value in values}
    years = [value.year for value in values]
    far = min(years) not in _NANOSECOND_YEARS or max(years) not in _NANOSECOND_YEARS
    if zoned == {False}:
        return Moments("timestamp", far=far)
    if len(zoned) == 2:
        return joined(Moments("timestamp"), Moments("instant"))  # which clash
    for value in values:
        if value.year in (1, 9999):
            _utc(value)
    return Moments("instant", far=far)


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise Clash("a time outside the years 1 to 9999 in UTC", "write it without its zone") from error


def _times(values: Collection[time]) -> Kind:
    if any(value.tzinfo is not None for value in values):
        raise Clash("a time of day with a zone, which Parquet doesn't have", "write it as text, or without the zone")
    return Moments("time")


def _durations(values: Collection[timedelta]) -> Kind:
    low, high = min(values), max(values)
    if low < -_LONGEST or high > _LONGEST:
        raise Clash("a length of time of more than 292,000 years", "write it as a number")
    return Moments("duration", far=low.days <= -_NANOSECOND_DAYS or high.days >= _NANOSECOND_DAYS)


def _items(values: Collection[Iterable[Any]]) -> Kind:
    return Items(with_path("[]", partial(kind_of, list(chain.from_iterable(values)))))


def _dicts(values: Collection[dict[Any, Any]]) -> Kind:
    columns = _transposed(values)
    if columns is None:
        return _entries(values)
    return Fields({name: with_path(name, partial(kind_of, column)) for name, column in columns.items()})


def _transposed(dicts: Collection[dict[Any, Any]]) -> dict[str, list[Any]] | None:
    """The values of dicts by their keys, in the order in which these come; None if a key isn't text."""
    first = next(iter(dicts))
    if set(map(len, dicts)) == {len(first)} and _are_names(first):
        with suppress(KeyError):
            return {name: list(map(itemgetter(name), dicts)) for name in first}
    names = dict.fromkeys(chain.from_iterable(dicts))
    return {name: [one.get(name) for one in dicts] for name in names} if _are_names(names) else None


def _are_names(keys: Collection[Any]) -> bool:
    """Whether all keys are text. Raises Clash: they are, but too many."""
    if not set(map(type, keys)) <= {str}:
        return False
    if len(keys) > MOST_FIELDS:
        joined(Fields(dict.fromkeys(keys, NULL)), Fields({"": NULL, " ": NULL}))  # which clash
    return True


def _entries(values: Collection[dict[Any, Any]]) -> Kind:
    keys = list(chain.from_iterable(values))
    if None in keys:
        raise Clash("a dict with the key None", "leave it out, or call it otherwise")
    held = list(chain.from_iterable(value.values() for value in values))
    return Entries(with_path("keys", partial(kind_of, keys)), with_path("values", partial(kind_of, held)))


def _always(kind: Kind) -> Callable[[Any], Kind]:
    return lambda values: kind


_KINDS: dict[type, Callable[[Any], Kind]] = {
    bool: _always(BOOL),
    int: _whole,
    float: _always(FLOAT),
    str: _always(TEXT),
    bytes: _always(BYTES),
    date: _always(DATE),
    Decimal: _exact,
    datetime: _timestamps,
    time: _times,
    timedelta: _durations,
    list: _items,
    tuple: _items,
    dict: _dicts,
    NanoTimestamp: _always(Moments("timestamp", nanoseconds=True)),
    NanoInstant: _always(Moments("instant", nanoseconds=True)),
    NanoDuration: _always(Moments("duration", nanoseconds=True)),
    NanoTime: _always(Moments("time", nanoseconds=True)),
}
