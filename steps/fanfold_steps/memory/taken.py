"""Values as they are when they are yielded: user code may yield an object again and again and change it in between."""

import copy
import pickle
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import NoneType
from typing import Any

IMMUTABLE: set[type] = {str, int, float, bytes, bool, NoneType, complex}
"""Types whose values nobody can change; loops look here before they call `taken`."""
_are_of_known_types = IMMUTABLE.issuperset
_OTHERS: set[type] = set()
_DEEPEST = 4  # containers within one another that are copied; one may hold itself
_STANDARD = {
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "uuid": {"UUID"},
}  # by name, since a worker doesn't load these modules for jobs that don't


class _OtherObject(Exception):
    """A value holds what only pickling may copy."""


def taken(value: Any) -> Any:
    """The value if nobody can change it, else a copy: what it is now, whatever becomes of the object.

    Built-in containers of immutable values are copied; whatever holds anything else is pickled and unpickled, as it is
    on its way to the next step, which takes several times as long. What can't be copied stays as it is: whoever has to
    carry it says so.

    >>> record = {"words": ["a"]}
    >>> now = taken(record)
    >>> record["words"].append("b")
    >>> now
    {'words': ['a']}
    """
    kind = type(value)
    if kind in IMMUTABLE or (kind is tuple and _are_of_known_types(map(type, value))):
        return value
    try:
        return _copied(value, _DEEPEST)
    except _OtherObject:
        return _pickled(value)


def all_taken(values: Iterable[Any]) -> Iterator[Any]:
    """Each value as it is when it comes. What records mostly are takes no call of `taken`."""
    for value in values:
        kind = type(value)
        if kind in IMMUTABLE:
            yield value
        elif kind is dict and _are_of_known_types(map(type, value.values())):
            yield value.copy()
        elif kind is tuple and _are_of_known_types(map(type, value)):
            yield value
        else:
            yield taken(value)


def _copied(value: Any, depth: int) -> Any:
    """A value of built-in containers and immutable values. Raises _OtherObject: it isn't, or is nested too deeply."""
    kind = type(value)
    if kind is dict:
        if _are_of_known_types(map(type, value.values())):
            return value.copy()
        if depth:
            return {key: one if type(one) in IMMUTABLE else _copied(one, depth - 1) for key, one in value.items()}
    elif kind is tuple or kind is list:
        if _are_of_known_types(map(type, value)):
            return value if kind is tuple else value.copy()
        if depth:
            return kind([one if type(one) in IMMUTABLE else _copied(one, depth - 1) for one in value])
    elif kind in IMMUTABLE or _is_immutable(kind):
        return value
    elif kind is bytearray or kind is set:
        return value.copy()
    raise _OtherObject


def _is_immutable(kind: type) -> bool:
    """Whether the values of a class can't be changed, as far as we know that class."""
    if kind in IMMUTABLE or kind in _OTHERS:
        return kind in IMMUTABLE
    known = kind.__qualname__ in _STANDARD.get(kind.__module__, ())
    known |= any((base.__module__, base.__qualname__) == ("numpy", "generic") for base in kind.__mro__)
    (IMMUTABLE if known else _OTHERS).add(kind)
    return known


def _pickled(value: Any) -> Any:
    if isinstance(value, tuple) and not type(value).__dictoffset__ and all(_is_immutable(type(one)) for one in value):
        return value  # a named tuple
    with suppress(Exception):  # an object's own pickling may raise anything
        return pickle.loads(pickle.dumps(value, protocol=5))  # noqa: S301 (made just before)
    with suppress(Exception):
        return copy.deepcopy(value)
    return value
