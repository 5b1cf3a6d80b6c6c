"""Estimates of how many bytes objects take."""

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import chain, islice
from types import FunctionType, MemberDescriptorType, ModuleType, NoneType
from typing import Any

_ATOMS = frozenset({str, bytes, int, float, bool, NoneType})


_CONTAINERS = (list, tuple, set, frozenset, dict, deque)


_SAMPLES = 32


_SLOT = 100  # bytes of a dict's slot, also while the dict grows


_ITEM = 128  # bytes of an item as it is sorted and written, beside its key


def size_of(entries: dict[Any, Any], values: int = 0) -> int:
    """About how many bytes a dict takes with its keys and values, by its first and last entries, until it is written.

    Writing makes an item of each key: that is counted, too. For a dict of lists `values` is how many items the
    lists have in all.
    """
    sample = [*islice(entries.items(), _SAMPLES), *islice(reversed(entries.items()), _SAMPLES)]
    if not sample:
        return 0
    keys = _SLOT + _ITEM + 2 * sum(deep_size(key) for key, _ in sample) // len(sample)
    if not values:
        return len(entries) * (keys + sum(deep_size(value) for _, value in sample) // len(sample))
    last = [8 + deep_size(items[-1]) for _, items in sample]
    return len(entries) * (keys + 88) + values * (sum(last) // len(last))


def deep_size(value: Any, depth: int = 3) -> int:
    """About how many bytes a value takes with what it holds, by its first items, or by an object's attributes."""
    size = sys.getsizeof(value)
    if type(value) in _ATOMS or not depth:
        return size
    if isinstance(value, _CONTAINERS):
        some = chain.from_iterable(islice(value.items(), 8)) if isinstance(value, dict) else islice(value, 8)
        return size + len(value) * sum(deep_size(item, depth - 1) for item in some) // max(1, min(len(value), 8))
    return size + sum(deep_size(held, depth - 1) for held in islice(_attributes(value), _SAMPLES))


def _attributes(value: Any) -> Iterator[Any]:
    """What an object's attributes hold, found past its class's own ways to get them; of what is shared, nothing."""
    if isinstance(value, type | FunctionType | ModuleType):
        return
    kind: type = type(value)
    if kind.__dictoffset__:
        yield from object.__getattribute__(value, "__dict__").values()
    for slot in _slots(kind):
        with suppress(AttributeError):  # not set
            yield slot.__get__(value)


@cache
def _slots(kind: type) -> list[MemberDescriptorType]:
    return [member for base in kind.__mro__ for member in vars(base).values() if type(member) is MemberDescriptorType]
