"""Merge: bring sorted segments together, stably, however many there are, with a block of each in memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import chain
from operator import itemgetter
from typing import TypeVar

from fanfold_steps import runs
from fanfold_steps.budget import Budget
from fanfold_steps.crash_points import around
from fanfold_steps.scratch import Scratch

Segment = Iterator[list[runs.Item]]
"""Sorted items, block by block."""
Sorted = TypeVar("Sorted")
_KEY = itemgetter(0)


def merge(segments: list[Segment], scratch: Scratch, budget: Budget) -> Segment:
    """All items by key; those of equal keys stay in the order of the segments, which is input order.

    Each open segment holds a block in memory and a file or a connection, so of more than the budget's fan-in, groups of
    neighbours are first merged into runs on disk (external merge sort: Knuth, The Art of Computer Programming, vol. 3,
    5.4.1).
    """

    def stored(group: list[Segment], key: str) -> Segment:
        return _stored(merged(group), key, scratch, budget.block)

    return merged(few(segments, budget.fan_in, stored))


def few(sorted_ones: list[Sorted], fan_in: int, stored: Callable[[list[Sorted], str], Sorted]) -> list[Sorted]:
    """No more than `fan_in` of them: groups of neighbours, as often as it takes, are each made one by `stored`, which
    is given a key for it.

    >>> few(["a", "b", "c", "d", "e"], 2, lambda group, key: f"{key}({'+'.join(group)})")
    ['merged-2-0(merged-1-0(a+b)+merged-1-1(c+d))', 'merged-2-1(merged-1-2(e))']
    """
    passes = 0
    while len(sorted_ones) > fan_in:
        passes += 1
        groups = [sorted_ones[at : at + fan_in] for at in range(0, len(sorted_ones), fan_in)]
        sorted_ones = [stored(group, f"merged-{passes}-{number}") for number, group in enumerate(groups)]
    return sorted_ones


def merged(segments: list[Segment]) -> Segment:
    """All items by key. The least of the blocks' last keys bounds what can be given now.

    What is below it is sorted by `list.sort`, which finds that it is made of sorted pieces. What equals it comes
    segment by segment, since more of that key may follow in each one's next block, and block by block, since all of it
    may not fit into memory.

    >>> list(merged([iter([[(b"a", 1), (b"c", 2)]]), iter([[(b"a", 3)], [(b"b", 4)]])]))
    [[(b'a', 1), (b'a', 3)], [(b'b', 4)], [(b'c', 2)]]
    """
    heads = [head for head in map(_Head, segments) if head.fill()]
    while len(heads) > 1:
        bound = min([head.items[-1][0] for head in heads])
        items: list[runs.Item] = []
        for head in heads:
            items += head.below(bound)
        items.sort(key=_KEY)
        for head in heads:
            for number, equal in enumerate(head.equal(bound)):
                items += equal
                if number:  # the key goes on in another block, and perhaps in many
                    yield items
                    items = []
        yield items
        heads = [head for head in heads if head.items]
    for head in heads:
        yield from head.rest()


class _Head:
    """The block of a segment that is in memory, and how far it has been taken."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.items: list[runs.Item] = []
        self._taken = 0

    def fill(self) -> bool:
        """Have items, from the next block if there must be; False, and none, at the segment's end."""
        if self._taken == len(self.items):
            self.items, self._taken = next(self._segment, []), 0
        return bool(self.items)

    def below(self, bound: bytes) -> list[runs.Item]:
        """The next items, as far as their keys are below a bound."""
        start = self._taken
        self._taken = bisect_left(self.items, bound, start, key=_KEY)
        return self.items[start : self._taken]

    def equal(self, bound: bytes) -> Iterator[list[runs.Item]]:
        """The next items, as far as their keys equal it, from as many blocks as they are in."""
        while self.fill() and self.items[self._taken][0] == bound:
            start = self._taken
            self._taken = bisect_right(self.items, bound, start, key=_KEY)
            yield self.items[start : self._taken]

    def rest(self) -> Segment:
        """All that is left."""
        yield self.items[self._taken :]
        yield from self._segment


def _stored(segment: Segment, key: str, scratch: Scratch, block: int) -> Segment:
    with around("merge"):
        size = scratch.objects.put(key, runs.pack([chain.from_iterable(segment)], block), hint=True)
    return runs.read_blocks(scratch.objects, key, size, 0)
