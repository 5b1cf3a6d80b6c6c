"""Merge: bring sorted segments together, stably, however many there are."""

import heapq
from collections.abc import Iterator
from operator import itemgetter

from fanfold_steps import runs
from fanfold_storage.objects import Objects

FAN_IN = 64  # segments merged at once


def merge(segments: list[Iterator[runs.Item]], scratch: Objects) -> Iterator[runs.Item]:
    """All items by key; those of equal keys stay in the order of the segments, which is input order.

    Each open segment holds a file or a connection, so more than `FAN_IN` neighbours are first merged into runs on disk
    (external merge sort: Knuth, The Art of Computer Programming, vol. 3, 5.4.1).
    """
    passes = 0
    while len(segments) > FAN_IN:
        passes += 1
        groups = [segments[at : at + FAN_IN] for at in range(0, len(segments), FAN_IN)]
        segments = [_stored(_merge(group), f"{passes}-{number}.run", scratch) for number, group in enumerate(groups)]
    return _merge(segments)


def _merge(segments: list[Iterator[runs.Item]]) -> Iterator[runs.Item]:
    return heapq.merge(*segments, key=itemgetter(0))


def _stored(items: Iterator[runs.Item], key: str, scratch: Objects) -> Iterator[runs.Item]:
    size = scratch.put(key, runs.pack([items]))
    return runs.read_segment(scratch, key, size, 0)
