"""Keys of the user's own classes: members of an Enum, named tuples, frozen dataclasses.

They reach the reducer as instances of their class, so workers must find the class by its name.
"""

import dataclasses
import sys
from enum import Flag
from typing import Any

from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting.key_types import encoding
from fanfold_steps.sorting.key_types.encoding import ENCODERS
from fanfold_steps.sorting.key_types.known import Exact, KnownType, UnsortableKey, always, is_hashed, never


def enum(kind: Any) -> KnownType:
    """The type of an Enum, whose members sort in the order of their definition, or for flags by value."""
    head = _head(kind)
    places = {member: place for place, member in enumerate(kind)}

    def encode(key: Any) -> bytes:
        return head + encoding.encode_int(key.value if isinstance(key, Flag) else places[key])

    return KnownType(lambda key: key, encode, never, never)


def mixed_enum(kind: Any, plain: Exact, exact: Exact) -> KnownType:
    """The type of an Enum whose members are also numbers, strings and so on: they are the same keys as their values."""
    _demand_name(kind)  # raises if workers can't find the class

    def checked(key: Any) -> Any:
        demand_equal(key, exact(plain(key)))
        return key

    def encode(key: Any) -> bytes:
        value = exact(plain(key))
        return ENCODERS[type(value)](value)

    return KnownType(checked, encode, never, always)


def named_tuple(kind: Any, exact: Exact) -> KnownType:
    """The type of a named tuple, which is the same key as the tuple."""
    _demand_name(kind)  # raises if workers can't find the class
    if kind.__eq__ is not tuple.__eq__ or kind.__hash__ is not tuple.__hash__:
        raise UnsortableKey(f"the named tuple {kind.__name__} has an __eq__ or a __hash__ of its own")

    def of_parts(key: Any) -> Any:
        return tuple.__new__(kind, [exact(part) for part in tuple.__iter__(key)])

    return KnownType(of_parts, encoding.encode_tuple, never, lambda key: all(map(is_hashed, tuple.__iter__(key))))


def frozen_dataclass(kind: Any, exact: Exact) -> KnownType:
    """The type of a frozen dataclass, which sorts by the name of the class, then by the fields that `==` compares."""
    settings = kind.__dataclass_params__
    if not settings.frozen or not settings.eq:
        what = "a dataclass that is a key must compare its fields, and must not change"
        raise UnsortableKey(f"{what}: write @dataclass(frozen=True) before {kind.__name__}")
    names = [field.name for field in dataclasses.fields(kind) if field.compare]
    head = _head(kind)

    def parts(key: Any) -> list[Any]:
        return [exact(getattr(key, name)) for name in names]

    def encode(key: Any) -> bytes:
        return head + b"".join([ENCODERS[type(part)](part) for part in parts(key)]) + encoding.END

    def checked(key: Any) -> Any:
        parts(key)  # raises for a field that can't be sorted
        return key

    return KnownType(checked, encode, never, never)


def demand_equal(key: Any, plain: Any) -> None:
    """Raise UnsortableKey unless both are the same key in Python, too: equal, with the same hash."""
    if key != plain or hash(key) != hash(plain):
        raise UnsortableKey(f"{shown(key)} isn't the same key as {shown(plain)}, by which it would be sorted")


def _head(kind: type) -> bytes:
    """The bytes with which the keys of a class begin. Raises UnsortableKey: workers can't find the class."""
    return encoding.OBJECT + encoding.encode_text(_demand_name(kind))


def _demand_name(kind: type) -> str:
    """The name of a class, `module:qualname`. Raises UnsortableKey: the class isn't found by this name."""
    named: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        named = getattr(named, part, None)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if named is not kind:
        raise UnsortableKey(f"a key's class isn't found by its name, {name}: define it at the top level of a module")
    return name
