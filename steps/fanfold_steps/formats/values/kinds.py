"""Kinds: what the values of a column are, as far as it decides the type in which all of them can be kept.

Two kinds join to one that holds the values of both, whichever comes first; where none does without loss, they clash.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

EXACT = 1 << 53
"""Up to which every integer is a float, too."""
MOST_DIGITS = 38
MOST_FIELDS = 2000


@dataclass(frozen=True, slots=True)
class Plain:
    """A kind that its name describes in full."""

    name: str

    def __str__(self) -> str:
        return _WORDS[self.name]


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int

    def __str__(self) -> str:
        return "integers" if self.digits < 20 else f"integers of {self.digits} digits"

    @property
    def is_exact(self) -> bool:
        """Whether each of them is a float, too."""
        return self.low >= -EXACT and self.high <= EXACT

    @property
    def digits(self) -> int:
        """Of the longest one."""
        return len(str(max(abs(self.low), abs(self.high))))


@dataclass(frozen=True, slots=True)
class Exact:
    """Decimals, with so many digits before the point and after it."""

    whole: int
    scale: int

    def __str__(self) -> str:
        return f"decimals of {self.whole} and {self.scale} digits"


@dataclass(frozen=True, slots=True)
class Moments:
    """Times: a `timestamp` without a zone, an `instant` (with one), a `time` of day, or a `duration`."""

    name: str
    nanoseconds: bool = False
    far: bool = False
    """Whether one lies outside of what 64 bits of nanoseconds reach: the years 1678 to 2261, or 292 years."""

    def __str__(self) -> str:
        return _WORDS[self.name] + (" with nanoseconds" if self.nanoseconds else "")


@dataclass(frozen=True, slots=True)
class Items:
    """Lists."""

    item: "Kind"

    def __str__(self) -> str:
        return f"lists of {self.item}"


@dataclass(frozen=True, slots=True)
class Fields:
    """Objects with fields; one that lacks a field has null there. Rows are such, too."""

    fields: dict[str, "Kind"] = field(default_factory=dict)

    def __str__(self) -> str:
        return "objects"


@dataclass(frozen=True, slots=True)
class Entries:
    """Dicts whose keys aren't text."""

    key: "Kind"
    value: "Kind"

    def __str__(self) -> str:
        return f"dicts of {self.key} to {self.value}"


Kind = Plain | Whole | Exact | Moments | Items | Fields | Entries
NULL, BOOL, FLOAT, TEXT, BYTES, DATE = map(Plain, ("null", "bool", "float", "text", "bytes", "date"))
_WORDS = {
    "null": "nulls", "bool": "True and False", "float": "floats", "text": "text", "bytes": "bytes", "date": "dates",
    "timestamp": "times without a zone", "instant": "times with a zone", "time": "times of day",
    "duration": "lengths of time",
}  # fmt: skip


class Clash(Exception):
    """Values that no type keeps, or not together; `path` leads to them, from the column on."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(problem)
        self.problem, self.mend = problem, mend
        self.path: list[str] = []


def joined(one: Kind, other: Kind) -> Kind:
    """The kind of the values of both; it doesn't matter which is which but for the order of fields. Raises Clash."""
    if one == other or other == NULL:
        return one
    if one == NULL:
        return other
    match one, other:
        case Whole(), Whole():
            return Whole(min(one.low, other.low), max(one.high, other.high))
        case (Whole(), Plain("float")) | (Plain("float"), Whole()):
            return _as_floats(one if isinstance(one, Whole) else other)  # type: ignore[arg-type]
        case Exact(), Exact():
            return Exact(max(one.whole, other.whole), max(one.scale, other.scale))
        case (Whole(), Exact()) | (Exact(), Whole()):
            return joined(_as_decimals(one), _as_decimals(other))
        case Moments(), Moments() if one.name == other.name:
            return _checked(replace(one, nanoseconds=one.nanoseconds | other.nanoseconds, far=one.far | other.far))
        case Items(), Items():
            return Items(joined(one.item, other.item))
        case Entries(), Entries():
            return Entries(joined(one.key, other.key), joined(one.value, other.value))
        case Fields(), Fields():
            return _with_fields(one, other)
    raise Clash(f"{one} and {other}", "convert them to one type")


def _with_fields(one: Fields, other: Fields) -> Fields:
    fields = dict(one.fields)
    for name, kind in other.fields.items():
        fields[name] = with_path(name, partial(joined, fields.get(name, NULL), kind))
    if len(fields) > MOST_FIELDS:
        mend = "let such a column be a list of pairs, or declare it: Parquet(schema={…: 'map<string, int64>', …})"
        raise Clash(f"more than {MOST_FIELDS:,} different fields", mend)
    return Fields(fields)


def with_path(name: str, of: Callable[[], T]) -> T:
    """What `of` gives; a clash there is one in the field of that name."""
    try:
        return of()
    except Clash as clash:
        clash.path.insert(0, name)
        raise


def _as_floats(whole: Whole) -> Kind:
    if whole.is_exact:
        return FLOAT
    raise Clash("floats and an integer beyond 2**53, which may be no float", "convert them to one type")


def _as_decimals(kind: Kind) -> Kind:
    return Exact(kind.digits, 0) if isinstance(kind, Whole) else kind


def _checked(moments: Moments) -> Moments:
    if moments.nanoseconds and moments.far:
        raise Clash(f"{moments}, and one too far away to have them", "leave out the nanoseconds")
    return moments


def to_json(kind: Kind) -> Any:
    """A kind as JSON, which `from_json` reads."""
    match kind:
        case Plain():
            return kind.name
        case Fields():
            return {"fields": [[name, to_json(one)] for name, one in kind.fields.items()]}
        case Items():
            return {"item": to_json(kind.item)}
        case Entries():
            return {"key": to_json(kind.key), "value": to_json(kind.value)}
        case Whole():
            return {"low": kind.low, "high": kind.high}
        case Exact():
            return {"whole": kind.whole, "scale": kind.scale}
        case Moments():
            return {"time": kind.name, "nanoseconds": kind.nanoseconds, "far": kind.far}


def from_json(data: Any) -> Kind:
    """A kind from its JSON form."""
    match data:
        case str():
            return Plain(data)
        case {"fields": fields}:
            return Fields({name: from_json(one) for name, one in fields})
        case {"item": item}:
            return Items(from_json(item))
        case {"key": key, "value": value}:
            return Entries(from_json(key), from_json(value))
        case {"time": name, "nanoseconds": nanoseconds, "far": far}:
            return Moments(name, nanoseconds, far)
        case {"whole": whole, "scale": scale}:
            return Exact(whole, scale)
    return Whole(data["low"], data["high"])
