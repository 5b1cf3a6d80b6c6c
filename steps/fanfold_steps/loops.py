"""The innermost loops of a map: run the mapper over records and take in its pairs, nothing else.

Text keys, by far the most common, go into a dict of their own by a loop without any check: only a new key is looked at,
and one that isn't text gives itself away there. From the first such key on, a second loop looks at each key's type,
since Python's dicts would take `Fraction(1)` for the key `1` they hold. Each pair of loops is written out: a call for
each pair would cost more than all else here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fanfold_steps.keys import ATOMS, exact

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]
Fold = Callable[[Any, Any], Any]
OtherKeys = defaultdict[Any, Any]
"""Values by exact keys that aren't text."""


class NotText(Exception):
    """A key that isn't text was looked up among text keys."""


class TextKeys(dict[Any, Any]):
    """Values by text key; a new key begins with what `new` makes. Only new keys cost a check of their type."""

    def __init__(self, new: Callable[[], Any]) -> None:
        super().__init__()
        self._new = new

    def __missing__(self, key: Any) -> Any:
        if type(key) is not str:
            raise NotText
        value = self[key] = self._new()
        return value


def add(mapper: Mapper, records: Iterator[Any], texts: TextKeys, others: OtherKeys) -> None:
    """Add up the values of each key.

    >>> texts, others = TextKeys(int), defaultdict(int)
    >>> add(lambda line: [(word, 1) for word in line.split()], iter(["a b a"]), texts, others)
    >>> dict(texts)
    {'a': 2, 'b': 1}
    """
    for record in records:
        for key, value in mapper(record):
            try:
                texts[key] += value
            except NotText:
                key = exact(key)
                (texts if type(key) is str else others)[key] += value
        if others:
            return _add_any(mapper, records, texts, others)
    return None


def _add_any(mapper: Mapper, records: Iterator[Any], texts: TextKeys, others: OtherKeys) -> None:
    for record in records:
        for key, value in mapper(record):
            kind = type(key)
            if kind is str:
                texts[key] += value
            elif kind in ATOMS:
                others[key] += value
            else:
                key = exact(key)
                (texts if type(key) is str else others)[key] += value


def gather(mapper: Mapper, records: Iterator[Any], texts: TextKeys, others: OtherKeys) -> None:
    """Put the values of each key into a list."""
    for record in records:
        for key, value in mapper(record):
            try:
                texts[key].append(value)
            except NotText:
                key = exact(key)
                (texts if type(key) is str else others)[key].append(value)
        if others:
            return _gather_any(mapper, records, texts, others)
    return None


def _gather_any(mapper: Mapper, records: Iterator[Any], texts: TextKeys, others: OtherKeys) -> None:
    for record in records:
        for key, value in mapper(record):
            kind = type(key)
            if kind is str:
                texts[key].append(value)
            elif kind in ATOMS:
                others[key].append(value)
            else:
                key = exact(key)
                (texts if type(key) is str else others)[key].append(value)


def fold(mapper: Mapper, records: Iterable[Any], texts: TextKeys, others: OtherKeys, step: Fold) -> None:
    """Fold the values of each key by a function of state and value, whose cost outweighs a look at the type."""
    for record in records:
        for key, value in mapper(record):
            kind = type(key)
            if kind is str:
                texts[key] = step(texts[key], value)
            elif kind in ATOMS:
                others[key] = step(others[key], value)
            else:
                key = exact(key)
                states = texts if type(key) is str else others
                states[key] = step(states[key], value)
