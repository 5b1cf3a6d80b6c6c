"""The names of column types in `Parquet(schema=…)`, which are Arrow's.

null bool int8 … int64 uint8 … uint64 float32 float64 string binary date
time timestamp duration, with a unit unless it is microseconds (timestamp[ns]), and a zone, if any: timestamp[us, UTC]
decimal(10, 2)  list<int64>  struct<x: float64, "a name": string>  map<string, int64>
"""

import json
import re
from dataclasses import dataclass
from typing import Any

SIMPLE = (
    *("null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"),
    *("string", "binary", "date", "time", "timestamp", "duration", "decimal"),
)
UNITS = ("s", "ms", "us", "ns")
_OTHERS = {
    "boolean": "bool",
    "float": "float32",
    "double": "float64",
    "utf8": "string",
    "str": "string",
    "int": "int64",
    "bytes": "binary",
    "large_string": "string",
    "large_utf8": "string",
    "large_binary": "binary",
    "date32": "date",
    "date64": "date",
    "large_list": "list",
    "decimal128": "decimal",
}
_CLOSING = {"[": "]", "(": ")"}
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[+-]\d\d:\d\d|[\w/+-]+|[<>\[\](),:=]|\S)')


class UnknownType(ValueError):
    """An invalid name of a type; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type by its name, with its arguments (`decimal`: digits, scale; `timestamp`: unit, zone), and the types that it
    consists of, each with its name if it has one."""

    name: str
    arguments: tuple[str, ...] = ()
    of: tuple[tuple[str, "ColumnType"], ...] = ()


def parsed(text: str) -> ColumnType:
    """The type with this name. Raises UnknownType.

    >>> parsed("list<decimal(10, 2)>")
    ColumnType(name='list', arguments=(), of=(('', ColumnType(name='decimal', arguments=('10', '2'), of=())),))
    """
    reader = _Reader([found.group(1) for found in _TOKEN.finditer(text)])
    try:
        found = reader.type()
        reader.end()
    except UnknownType:
        raise
    except (IndexError, ValueError) as error:
        raise UnknownType(_unknown(text)) from error
    return found


def _unknown(text: str) -> str:
    more = "timestamp[us, UTC], decimal(10, 2), list<…>, struct<name: …>, map<string, …>"
    return f"there is no type {text!r:.80}: there are {', '.join(SIMPLE)}, and {more}"


class _Reader:
    """Reads types from tokens. Its methods raise IndexError or ValueError if there is none."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*reversed(tokens)]

    def type(self) -> ColumnType:
        """The next type."""
        word = self._tokens.pop()
        name = _OTHERS.get(word, word)
        if name in ("list", "struct", "map"):
            return _nested(name, self._parts())
        return _simple(name, self._arguments())

    def end(self) -> None:
        """Check that no tokens are left."""
        if self._tokens:
            raise ValueError(self._tokens)

    def _parts(self) -> list[tuple[str, ColumnType]]:
        """The types between `<` and `>`, each with its name if it has one."""
        parts, end = [], "<"
        self._take("<")
        while end != ">":
            name = ""
            if self._tokens[-2] == ":":
                word = self._tokens.pop()
                name = json.loads(word) if word.startswith('"') else word
                self._take(":")
            parts.append((name, self.type()))
            end = self._tokens.pop()
            if end not in (",", ">"):
                raise ValueError(end)
        return parts

    def _arguments(self) -> tuple[str, ...]:
        """The words in parentheses or brackets, if there are any."""
        if not self._tokens or self._tokens[-1] not in _CLOSING:
            return ()
        close, words = _CLOSING[self._tokens.pop()], []
        while (word := self._tokens.pop()) != close:
            if word not in (",", "tz", "="):
                words.append(word)
        return tuple(words)

    def _take(self, expected: str) -> None:
        if self._tokens.pop() != expected:
            raise ValueError(expected)


def _nested(name: str, parts: list[tuple[str, ColumnType]]) -> ColumnType:
    if name == "struct":
        names = [name for name, _ in parts]
        if not all(names) or len(set(names)) < len(names):
            raise ValueError(names)
        return ColumnType(name, of=tuple(parts))
    if len(parts) != (1 if name == "list" else 2):
        raise ValueError(parts)
    return ColumnType(name, of=tuple(("", found) for _, found in parts))


def _simple(name: str, arguments: tuple[str, ...]) -> ColumnType:
    if name in ("time32", "time64"):
        name = "time"
    if name not in SIMPLE:
        raise ValueError(name)
    if name == "date":
        return ColumnType(name)
    if name == "decimal":
        digits, scale = (*map(int, arguments), 0)[:2]
        if not 1 <= digits <= 38 or not 0 <= scale <= digits or len(arguments) > 2:
            raise ValueError(arguments)
        return ColumnType(name, (str(digits), str(scale)))
    if name in ("time", "timestamp", "duration"):
        unit, *zone = arguments or ("us",)
        if unit not in UNITS or len(zone) > (name == "timestamp"):
            raise ValueError(arguments)
        for one in zone:
            _check_zone(one)
        return ColumnType(name, (unit, *zone))
    if arguments:
        raise ValueError(arguments)
    return ColumnType(name)


def _check_zone(name: str) -> None:
    """Raise UnknownType for a zone that no reader of the file would find."""
    if name == "UTC" or _OFFSET.fullmatch(name) or _has_zone(name):
        return
    if _has_zone("Europe/Berlin"):  # or this machine has no time zones at all, and others may
        raise UnknownType(f"there is no time zone {name!r:.80}: write one such as UTC, Europe/Berlin or +02:00")


def _has_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a KeyError is a zone that isn't found, an OSError may be a folder of them
        return False
    return True


def names_of(schema: Any) -> dict[str, str]:
    """The names of types by column, from a dict of names or a PyArrow schema. Raises UnknownType.

    >>> names_of({"id": "int64", "at": "timestamp[us, tz=UTC]"})
    {'id': 'int64', 'at': 'timestamp[us, tz=UTC]'}
    """
    columns = schema if isinstance(schema, dict) else None
    if columns is None:
        try:
            fields = list(schema)
            columns = {field.name: str(field.type) for field in fields}
            _check_columns([field.name for field in fields], [field.name for field in fields if not field.nullable])
        except (TypeError, AttributeError) as error:
            what = "a schema is a dict from columns to the names of their types, or a PyArrow schema"
            raise UnknownType(f"{what}, not {schema!r:.80}") from error
    for name, kind in columns.items():
        if not isinstance(name, str):
            raise UnknownType(f"a column's name is a string, not {name!r:.80}")
        parsed(kind if isinstance(kind, str) else str(kind))  # raises for an unknown type
    if not columns:
        raise UnknownType("a schema names at least one column")
    return {name: str(kind) for name, kind in columns.items()}


def _check_columns(names: list[str], never_null: list[str]) -> None:
    """Raise UnknownType for what a PyArrow schema may have, and the columns of an output don't."""
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UnknownType(f"it names the column {twice!r:.80} twice: give each column a name of its own")
    if never_null:
        mend = "declare it with nullable=True"
        raise UnknownType(f"the column {never_null[0]!r:.80} is declared as never null, which isn't checked: {mend}")
