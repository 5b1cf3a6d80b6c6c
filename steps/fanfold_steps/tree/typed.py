"""JSON from the tree as dataclasses. User code can write to the tree, so each field is checked when it is read."""

from collections.abc import Callable, Hashable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown

T = TypeVar("T")
Read = Callable[[object, str], Any]
"""Reads a JSON value; the second argument is its path in the file, for errors."""

_LARGEST_NUMBER = 1 << 63
_WORDS = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


class Malformed(PermanentFailure):
    """A file in the tree isn't what Fanfold writes there."""


def read_as(kind: type[T], data: object, url: str) -> T:
    """The JSON object at `url` as an instance of the dataclass `kind`; unknown fields are ignored.

    Raises:
        Malformed: a field is missing or of another type; the message names the file and the field.
    """
    try:
        instance: T = _reader(cast(Hashable, kind))(data, "")
    except _Wrong as wrong:
        what = f"{url} isn't what Fanfold writes there ({wrong}): something else changed it; start the job over"
        raise Malformed("tree", what) from None
    return instance


class _Wrong(Exception):
    """A value is missing or of the wrong type; the text says which, and where."""


@cache
def _reader(kind: Any) -> Read:
    if kind is Any:  # its user has to check it
        return lambda value, at: value
    if is_dataclass(kind):
        return _object_reader(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (of,) = [one for one in arguments if one is not NoneType]
        read_value = _reader(of)
        return lambda value, at: None if value is None else read_value(value, at)
    if origin is tuple:
        return _array_reader(arguments[0])
    if origin is dict:
        return _map_reader(arguments[1])
    return _plain_reader(kind)


def _object_reader(kind: Any) -> Read:
    """Reads an object as the dataclass `kind`; only fields with a default may be missing."""
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    required = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]

    def read_object(value: object, at: str) -> Any:
        _demand(isinstance(value, dict), value, at, "an object")
        assert isinstance(value, dict)
        if missing := next((name for name in required if name not in value), None):
            raise _Wrong(f"`{_below(at, missing)}` is missing")
        return kind(**{name: read(value[name], _below(at, name)) for name, read in readers.items() if name in value})

    return read_object


def _array_reader(of: Any) -> Read:
    read_item = _reader(of)

    def read_array(value: object, at: str) -> tuple[Any, ...]:
        _demand(isinstance(value, list), value, at, "an array")
        assert isinstance(value, list)
        if _are_plain(value, of):
            return tuple(value)
        return tuple([read_item(item, f"{at}[{number}]") for number, item in enumerate(value)])

    return read_array


def _are_plain(values: list[Any], kind: Any) -> bool:
    """Whether all are of a plain type, and no number is too large: then none needs a look of its own."""
    if kind not in _WORDS or not set(map(type, values)) <= ({int, float} if kind is float else {kind}):
        return False
    return kind not in (int, float) or all(abs(value) < _LARGEST_NUMBER for value in values)


def _map_reader(of: Any) -> Read:
    read_item = _reader(of)

    def read_map(value: object, at: str) -> dict[str, Any]:
        _demand(isinstance(value, dict), value, at, "an object")
        assert isinstance(value, dict)
        return {name: read_item(item, _below(at, name)) for name, item in value.items()}

    return read_map


def _plain_reader(kind: Any) -> Read:
    accepted = (int, float) if kind is float else (kind,)

    def read_plain(value: object, at: str) -> Any:
        _demand(type(value) in accepted, value, at, _WORDS[kind])
        if isinstance(value, int | float):  # beyond this, neither stores nor other languages' JSON hold it
            _demand(abs(value) < _LARGEST_NUMBER, value, at, f"{_WORDS[kind]} below 2^63")
        return value

    return read_plain


def _demand(holds: bool, value: object, at: str, what: str) -> None:
    if not holds:
        raise _Wrong(f"`{at}` is {shown(value)}, not {what}" if at else f"it is {shown(value)}, not {what}")


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
