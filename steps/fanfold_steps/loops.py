"""The innermost loops of a map: run the mapper over records and take in its pairs, nothing else.

Text keys, by far the most common, have loops without any look at them; whoever runs those looks at the new keys
afterwards. Where keys are of any type, each is looked at, since Python's dicts would take `Fraction(1)` for the key `1`
they hold. Each loop is written out: a call for each pair would cost more than all else here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fanfold_steps.keys import ATOMS, exact
from fanfold_steps.mappers import demand_pair

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]
Fold = Callable[[Any, Any], Any]
Values = defaultdict[Any, Any]
"""Values, or states, by exact keys."""


def add(mapper: Mapper, records: Iterator[Any], texts: Values) -> None:
    """Add up the values of each key, all of which should be text. What is no pair gives itself away: its second part
    isn't a number, or its first no text.

    >>> texts = defaultdict(int)
    >>> add(lambda line: [(word, 1) for word in line.split()], iter(["a b a"]), texts)
    >>> dict(texts)
    {'a': 2, 'b': 1}
    """
    for record in records:
        for key, value in mapper(record):
            texts[key] += value


def gather(mapper: Mapper, records: Iterator[Any], texts: Values) -> None:
    """Put the values of each key, all of which should be text, into a list."""
    for record in records:
        for pair in mapper(record):
            if type(pair) is not tuple:
                demand_pair(pair)
            key, value = pair
            texts[key].append(value)


def gather_any(mapper: Mapper, records: Iterable[Any], texts: Values, others: Values) -> None:
    """Put the values of each key into a list."""
    for record in records:
        for pair in mapper(record):
            if type(pair) is not tuple:
                demand_pair(pair)
            key, value = pair
            kind = type(key)
            if kind is str:
                texts[key].append(value)
            elif kind in ATOMS:
                others[key].append(value)
            else:
                key = exact(key)
                (texts if type(key) is str else others)[key].append(value)


def fold(mapper: Mapper, records: Iterable[Any], texts: Values, others: Values, step: Fold) -> None:
    """Fold the values of each key by a function of state and value, whose cost outweighs a look at the type."""
    for record in records:
        for pair in mapper(record):
            if type(pair) is not tuple:
                demand_pair(pair)
            key, value = pair
            kind = type(key)
            if kind is str:
                texts[key] = step(texts[key], value)
            elif kind in ATOMS:
                others[key] = step(others[key], value)
            else:
                key = exact(key)
                states = texts if type(key) is str else others
                states[key] = step(states[key], value)
