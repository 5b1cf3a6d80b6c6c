"""Spills: what doesn't fit into memory goes to disk as sorted runs, and comes back merged."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import chain, islice
from types import FunctionType, MemberDescriptorType, ModuleType, NoneType
from typing import Any

from fanfold_steps import runs
from fanfold_steps.budget import Budget
from fanfold_steps.crash_points import around
from fanfold_steps.merge import Segment, merge
from fanfold_steps.scratch import Scratch

_ATOMS = frozenset({str, bytes, int, float, bool, NoneType})
_CONTAINERS = (list, tuple, set, frozenset, dict, deque)
_SAMPLES = 32
_SLOT = 100  # bytes of a dict's slot, also while the dict grows
_ITEM = 128  # bytes of an item as it is sorted and written, beside its key


class Spills:
    """A task's runs on disk."""

    def __init__(self, scratch: Scratch, budget: Budget) -> None:
        self._scratch = scratch
        self._budget = budget
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._sizes)

    def write(self, segments: Iterable[Iterable[runs.Item]]) -> None:
        """Put one more run on disk, a sorted segment for each partition. Raises runs.Unpicklable."""
        packed = runs.pack(segments, self._budget.block)
        with around("spill"):
            self._sizes.append(self._scratch.objects.put(f"spill-{len(self)}.run", packed, hint=True))

    def merged(self, partition: int) -> Segment:
        """A partition's items of all runs by key; those of equal keys in the order of the runs."""
        written = [
            runs.read_blocks(self._scratch.objects, f"spill-{number}.run", size, partition)
            for number, size in enumerate(self._sizes)
        ]
        return merge(written, self._scratch, self._budget)


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
