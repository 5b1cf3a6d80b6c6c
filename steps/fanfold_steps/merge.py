"""Merge: bring sorted segments together, stably, however many there are."""

import heapq
from collections.abc import Iterator
from operator import itemgetter

from fanfold_steps import runs
from fanfold_steps.budget import Budget
from fanfold_steps.crash_points import around
from fanfold_steps.scratch import Scratch


def merge(segments: list[Iterator[runs.Item]], scratch: Scratch, budget: Budget) -> Iterator[runs.Item]:
    """All items by key; those of equal keys stay in the order of the segments, which is input order.

    Each open segment holds a block in memory and a file or a connection, so of more than the budget's fan-in, groups of
    neighbours are first merged into runs on disk (external merge sort: Knuth, The Art of Computer Programming, vol. 3,
    5.4.1).
    """
    passes, fan_in = 0, budget.fan_in
    while len(segments) > fan_in:
        passes += 1
        groups = [segments[at : at + fan_in] for at in range(0, len(segments), fan_in)]
        segments = [
            _stored(_merge(group), f"merged-{passes}-{number}.run", scratch, budget.block)
            for number, group in enumerate(groups)
        ]
    return _merge(segments)


def _merge(segments: list[Iterator[runs.Item]]) -> Iterator[runs.Item]:
    return heapq.merge(*segments, key=itemgetter(0))


def _stored(items: Iterator[runs.Item], key: str, scratch: Scratch, block: int) -> Iterator[runs.Item]:
    with around("merge"):
        size = scratch.objects.put(key, runs.pack([items], block), hint=True)
    return runs.read_segment(scratch.objects, key, size, 0)
