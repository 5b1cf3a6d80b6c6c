"""Merging any number of sorted segments, stably, with a block of each in memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import chain
from operator import itemgetter
from typing import TypeVar

from fanfold_steps.crash_points import around
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting import runs
from fanfold_steps.sorting.heads import Head, heads_of

Segment = Iterator[list[runs.Item]]
"""Sorted items, block by block."""
Sorted = TypeVar("Sorted")
_KEY = itemgetter(0)


def merge(segments: list[Segment], scratch: Scratch, budget: Budget) -> Segment:
    """All items by key; items of equal keys stay in the order of the segments, which is input order.

    Each open segment takes a block in memory and a file or a connection. If there are more than the budget's fan-in,
    groups of neighbours are first merged into runs on disk (external merge sort: Knuth, The Art of Computer
    Programming, vol. 3, 5.4.1).
    """

    def stored(group: list[Segment], key: str) -> Segment:
        return _stored(merged(group), key, scratch, budget.block)

    return merged(within_fan_in(segments, budget.fan_in, stored))


def within_fan_in(
    sorted_ones: list[Sorted], fan_in: int, stored: Callable[[list[Sorted], str], Sorted]
) -> list[Sorted]:
    """Sorted segments or runs, at most `fan_in` of them.

    If there are more, `stored` merges each group of neighbours into one, under the key that it gets, as often as
    necessary.

    >>> within_fan_in(["a", "b", "c", "d", "e"], 2, lambda group, key: f"{key}({'+'.join(group)})")
    ['merged-2-0(merged-1-0(a+b)+merged-1-1(c+d))', 'merged-2-1(merged-1-2(e))']
    """
    passes = 0
    while len(sorted_ones) > fan_in:
        passes += 1
        groups = [sorted_ones[at : at + fan_in] for at in range(0, len(sorted_ones), fan_in)]
        sorted_ones = [stored(group, f"merged-{passes}-{number}") for number, group in enumerate(groups)]
    return sorted_ones


def merged(segments: list[Segment]) -> Segment:
    """All items by key. The least of the blocks' last keys bounds the items that can be yielded now.

    Items below it are sorted by `list.sort`, which detects the sorted pieces. Items with this very key come segment by
    segment, because more of them may follow in a segment's next block, and block by block, because all of them may not
    fit into memory.

    >>> list(merged([iter([[(b"a", 1), (b"c", 2)]]), iter([[(b"a", 3)], [(b"b", 4)]])]))
    [[(b'a', 1), (b'a', 3)], [(b'b', 4)], [(b'c', 2)]]
    """
    heads = heads_of(segments)
    while len(heads) > 1:
        bound = min([head.items[-1][0] for head in heads])
        items: list[runs.Item] = []
        for head in heads:
            items += head.take(bisect_left(head.items, bound, head.taken, key=_KEY))
        items.sort(key=_KEY)
        for head in heads:
            for number, equal in enumerate(_equal(head, bound)):
                items += equal
                if number:  # the key goes on in another block, and perhaps in many
                    yield items
                    items = []
        yield items
        heads = [head for head in heads if head.items]
    for head in heads:
        yield from head.rest()


def _equal(head: Head[runs.Item], key: bytes) -> Segment:
    """The next items with this key, from as many blocks as hold them."""
    while head.fill() and head.items[head.taken][0] == key:
        yield head.take(bisect_right(head.items, key, head.taken, key=_KEY))


def _stored(segment: Segment, key: str, scratch: Scratch, block: int) -> Segment:
    with around("merge"):
        size = scratch.spill(key, runs.pack([chain.from_iterable(segment)], block))
    return runs.read_blocks(scratch.objects, key, size, 0)
