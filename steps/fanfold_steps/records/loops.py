"""The innermost loops of a map: run the mapper over records and collect its pairs, nothing else.

`add` and `gather` are for text keys, by far the most common, and don't check them; their callers check the new keys
afterwards. The other loops check each key, since a dict would accept a frozenset, or an object of any class. The loops
are written out because a function call per pair would cost more than everything else here.

A single record may yield more pairs than fit into memory, but counting them would make the loop a tenth slower.
Instead, another thread watches the memory (`fanfold_steps/memory/watch.py`) and takes away something that the loop
looks up for each pair anyway: the types in `known`, or the default of `texts`. The loop misses it, puts it back, and
yields. Its caller can then measure the dicts, write them to disk and empty them before the loop goes on.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fanfold_steps.memory.taken import IMMUTABLE, taken
from fanfold_steps.records.pairs import demand_pair
from fanfold_steps.sorting.keys import ATOMS, exact

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]
Fold = Callable[[Any, Any], Any]
Values = defaultdict[Any, Any]
"""Values, or states, by exact keys."""


def add(mapper: Mapper, records: Iterator[Any], texts: Values) -> Iterator[None]:
    """Add up the values of each key; all keys should be strings, which the caller checks.

    Whether something is a pair isn't checked, which would cost more: what isn't one raises anyway, since a string's
    second character isn't a number, and a set or a dict has no item 0. Only new keys take memory, so the loop yields at
    a new key, once `texts` has lost its default.

    >>> texts = defaultdict(int)
    >>> list(add(lambda line: [(word, 1) for word in line.split()], iter(["a b a"]), texts))
    []
    >>> dict(texts)
    {'a': 2, 'b': 1}
    """
    for record in records:
        for pair in mapper(record):
            _, value = pair
            try:
                texts[pair[0]] += value
            except KeyError:
                texts.default_factory = int
                yield
                texts[pair[0]] = texts.get(pair[0], 0) + value  # the default may be gone again


def gather(mapper: Mapper, records: Iterator[Any], texts: Values, known: set[type]) -> Iterator[None]:
    """Append each value to its key's list; all keys should be strings, which the caller checks.

    `known` holds the types whose values are kept without a copy. Once emptied, the loop refills it and yields.
    """
    for record in records:
        for pair in mapper(record):
            if type(pair) is not tuple:
                demand_pair(pair)
            key, value = pair
            if type(value) not in known and not (type(value) is tuple and known.issuperset(map(type, value))):
                value = taken(value)
                if not known:
                    known |= IMMUTABLE
                    yield
            texts[key].append(value)


def gather_any(
    mapper: Mapper, records: Iterable[Any], texts: Values, others: Values, known: set[type]
) -> Iterator[None]:
    """Append each value to its key's list; keys may have any type. `known` is as for `gather`."""
    for record in records:
        for pair in mapper(record):
            if type(pair) is not tuple:
                demand_pair(pair)
            key, value = pair
            if type(value) not in known and not (type(value) is tuple and known.issuperset(map(type, value))):
                value = taken(value)
                if not known:
                    known |= IMMUTABLE
                    yield
            kind = type(key)
            if kind is str:
                texts[key].append(value)
            elif kind in ATOMS:
                others[key].append(value)
            else:
                key = exact(key)
                (texts if isinstance(key, str) else others)[key].append(value)


def fold(
    mapper: Mapper, records: Iterable[Any], texts: Values, others: Values, step: Fold, known: set[type]
) -> Iterator[None]:
    """Fold each value into its key's state by `step`, a function of state and value, beside which checks cost little.

    `known` holds `tuple`, the type of a pair. Once emptied, the loop refills it and yields.
    """
    for record in records:
        for pair in mapper(record):
            if type(pair) not in known:
                if not known:
                    known.add(tuple)
                    yield
                demand_pair(pair)
            key, value = pair
            kind = type(key)
            if kind is str:
                texts[key] = step(texts[key], value)
            elif kind in ATOMS:
                others[key] = step(others[key], value)
            else:
                key = exact(key)
                states = texts if isinstance(key, str) else others
                states[key] = step(states[key], value)
