"""What takes in a mapper's pairs: each key once, by its encoding, with a total or with its values in input order.

Text keys, by far the most common, are kept in a dict as they are. Python takes `1`, `1.0` and `True` for one dict key,
so any other key is encoded first: what is the same key must not depend on which one a split meets first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from fanfold_steps import keys, runs
from fanfold_steps.aggregations import NotText, Sum, TextKeys
from fanfold_steps.failure import PermanentFailure, shown

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]


class Collector(Protocol):
    """Takes in what the mapper emits and gives it out, combined, by encoded key."""

    def fold(self, mapper: Mapper, records: Iterable[Any]) -> None:
        """Map records and keep what comes out."""

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, value) in any order, each key once."""

    def check(self, value: object) -> str | None:
        """Why a value can't be taken in, or None."""


class Totals:
    """Folds values into an aggregation as they come."""

    def __init__(self, aggregation: type[Sum]) -> None:
        self._aggregation = aggregation
        self._texts = TextKeys(aggregation.zero)
        self._others: defaultdict[bytes, Any] = defaultdict(aggregation.zero)
        self.check = aggregation.check

    def fold(self, mapper: Mapper, records: Iterable[Any]) -> None:
        """Map records and fold what comes out."""
        self._aggregation.fold(mapper, records, self._texts, self._others)

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, total); totals are checked here, once a key, instead of once a value."""
        for encoded, total in _both(self._texts, self._others):
            if type(total) is not int and (problem := self.check(total)):
                raise PermanentFailure("mapper", f"{problem}, for the key {shown(keys.decode(encoded))}")
            yield encoded, total


class Groups:
    """Keeps the values of each key in input order, and runs the user's combiner over them at the end."""

    def __init__(self, combiner: Callable[..., Any] | None) -> None:
        self._combiner = combiner
        self._texts = TextKeys(list)
        self._others: defaultdict[bytes, list[Any]] = defaultdict(list)

    def fold(self, mapper: Mapper, records: Iterable[Any]) -> None:
        """Map records and group what comes out."""
        texts, others = self._texts, self._others
        for record in records:
            for key, value in mapper(record):
                try:
                    texts[key].append(value)
                except NotText:
                    others[keys.encode(key)].append(value)

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, list of values)."""
        groups = _both(self._texts, self._others)
        return self._combined(groups) if self._combiner else groups

    def _combined(self, groups: Iterable[runs.Item]) -> Iterator[runs.Item]:
        assert self._combiner
        combined: defaultdict[bytes, list[Any]] = defaultdict(list)
        for encoded, values in groups:
            key = keys.decode(encoded)
            for out_key, out_value in _pairs(self._combiner(key, iter(values)), key):
                combined[keys.encode(out_key)].append(out_value)
        return iter(combined.items())

    def check(self, value: object) -> str | None:
        """Any value will do."""
        return None


def _both(texts: dict[str, Any], others: dict[bytes, Any]) -> Iterator[runs.Item]:
    for key, value in texts.items():
        yield keys.encode(key), value
    yield from others.items()


def _pairs(emitted: Any, key: Any) -> Iterator[tuple[Any, Any]]:
    """What a combiner gave for a key, each checked to be a pair."""
    if emitted is None or isinstance(emitted, str | bytes | tuple):
        kind = "None" if emitted is None else type(emitted).__name__
        what = f"the combiner returned {kind} (for the key {shown(key)})"
        raise PermanentFailure("combiner", f"{what}: let it yield (key, value) pairs, or return a list of them")
    for pair in emitted:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            what = f"the combiner must give (key, value) pairs, but gave {shown(pair)}"
            raise PermanentFailure("combiner", f"{what} (for the key {shown(key)})")
        yield pair[0], pair[1]
