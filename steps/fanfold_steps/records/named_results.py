"""Results by name: records with fields are aggregated field by field, and become flat rows.

`Job(map=f, key=("host", "day"), reduce={"hits": Count(), "slowest": Max("seconds")})` takes the records that `f` gives
(dicts, dataclasses, named tuples) and gives dicts with `host`, `day`, `hits` and `slowest`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter, itemgetter
from typing import Any

from fanfold_steps.failure.wording import shown
from fanfold_steps.formats.text import as_text
from fanfold_steps.job.spec import Aggregate, StageSpec
from fanfold_steps.records.pairs import WrongResult

Pair = tuple[Any, tuple[Any, ...]]
Getter = Callable[[Any], Any]


class RecordFields:
    """The fields of a stage's records: which are the key, and which are aggregated."""

    def __init__(self, key: list[str], reduce: dict[str, Aggregate]) -> None:
        self._key = key
        self._values = [_field(name, one) or key[0] for name, one in reduce.items()]  # what is counted may be anything
        self._getters: dict[type, tuple[Getter, Getter]] = {}

    @classmethod
    def of(cls, stage: StageSpec) -> "RecordFields | None":
        """Those of a stage that has its results by name."""
        return cls(stage.key, stage.reduce) if stage.key and isinstance(stage.reduce, dict) else None

    def pairs(self, records: Iterable[Any]) -> Iterator[Pair]:
        """Each record as a pair of its key and its values. Raises WrongResult."""
        getters = self._getters
        for record in records:
            try:
                key, values = getters[type(record)]
            except KeyError:
                key, values = getters[type(record)] = self._getters_of(record)
            try:
                yield key(record), values(record)
            except KeyError as error:
                raise self._missing(record, record) from error

    def _getters_of(self, record: object) -> tuple[Getter, Getter]:
        """What takes the key and the values out of records of a type. Raises WrongResult: they have no such fields."""
        if isinstance(record, Mapping):
            return itemgetter(*self._key), _tuple(itemgetter, self._values)
        names = [field.name for field in fields(record)] if is_dataclass(record) else getattr(record, "_fields", None)
        if names is None or isinstance(record, type):
            what = "results by name take records with fields (dicts, dataclasses or named tuples)"
            raise WrongResult(f"{what}, but the mapper emitted {shown(record)}")
        if not {*self._key, *self._values} <= set(names):
            raise self._missing(record, names)
        return attrgetter(*self._key), _tuple(attrgetter, self._values)

    def _missing(self, record: object, names: Iterable[Any]) -> WrongResult:
        there = list(names)
        name = next((name for name in (*self._key, *self._values) if name not in there), "?")
        return WrongResult(f"the record {shown(record)} has no field {name!r}: it has {', '.join(map(str, there))}")


class ResultRows:
    """Rows of a stage's results: dicts, or lines with tabs between the columns where text is written."""

    def __init__(self, stage: StageSpec, *, as_text: bool) -> None:
        assert stage.key and isinstance(stage.reduce, dict)
        self._key, self._names = stage.key, list(stage.reduce)
        self._listed = listed(stage.reduce)
        self._as_text = as_text

    def of(self, results: Iterable[Pair]) -> Iterator[Any]:
        """The rows of keys with their results."""
        for key, values in results:
            row = dict(zip(self._key, key if len(self._key) > 1 else (key,), strict=True))
            row.update(zip(self._names, values, strict=True))
            for one in [row] if self._listed is None else self._entries(row, self._listed):
                yield "\t".join(map(as_text, one.values())) if self._as_text else one

    def _entries(self, row: dict[str, Any], name: str) -> list[dict[str, Any]]:
        return [{**row, name: entry} for entry in row[name]]


def listed(reduce: dict[str, Aggregate]) -> str | None:
    """The result of which each entry has a row of its own, if there is one."""
    return next((name for name, one in reduce.items() if one.rows), None)


def _field(name: str, one: Aggregate) -> str | None:
    """The field that a result is made of."""
    return None if one.aggregate == "Count" else one.field or name


def _tuple(getter: Callable[..., Getter], names: list[str]) -> Getter:
    if len(names) > 1:
        return getter(*names)
    get = getter(*names)
    return lambda record: (get(record),)
