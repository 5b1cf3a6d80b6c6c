"""Shuffle: where there are many maps and many partitions, the runs of neighbouring maps are merged into one first, so
that a reducer opens few segments, and larger ones."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

from fanfold_steps import runs
from fanfold_steps.aggregations import build
from fanfold_steps.budget import Budget
from fanfold_steps.combining import combined
from fanfold_steps.crash_points import around
from fanfold_steps.merge import few, merged
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import Aggregate, Batch, SortLines, StageSpec
from fanfold_storage.objects import Objects

GROUP = 64  # maps whose runs become one
MANY = 1 << 14
"""Segments in all, from which on reading everything twice costs less than opening each: a request apiece, in S3."""


def groups(stage: StageSpec, maps: int, reduces: int) -> int:
    """How many shuffle tasks a stage has; it follows from the plan alone, and never shows in the output.

    >>> groups(StageSpec(), 1000, 4), groups(StageSpec(), 1000, 64)
    (0, 16)
    """
    if isinstance(stage.map, Batch) or isinstance(stage.reduce, SortLines):
        return 0  # their runs are of another kind
    return -(-maps // GROUP) if maps > GROUP and maps * reduces > MANY else 0


def members(group: int, maps: int) -> range:
    """The maps whose runs a group merges."""
    return range(group * GROUP, min((group + 1) * GROUP, maps))


class ShuffleTask:
    """The shuffle step of a stage."""

    def __init__(self, stage: StageSpec, budget: Budget) -> None:
        self._aggregation = build(stage.reduce) if isinstance(stage.reduce, Aggregate | list) else None
        self._budget = budget

    def run(self, found: list[tuple[str, int]], objects: Objects, key: str) -> dict[str, Any]:
        """Merge runs, each by key and size, into one under `key`; returns what the commit records."""
        read = [runs.WholeRun(objects, run, size) for run, size in found]
        with Scratch() as scratch, around("shuffle.run"):
            size = objects.put(key, self._packed(few(read, self._budget.fan_in, partial(self._stored, scratch))))
        return {"records": sum(run.records for run in read), "bytes": size}

    def _stored(self, scratch: Scratch, read: list[runs.WholeRun], key: str) -> runs.WholeRun:
        with around("merge"):
            size = scratch.objects.put(key, self._packed(read), hint=True)
        return runs.WholeRun(scratch.objects, key, size)

    def _packed(self, read: list[runs.WholeRun]) -> Iterator[bytes]:
        return runs.pack(self._segments(read), self._budget.block)

    def _segments(self, read: list[runs.WholeRun]) -> Iterator[Iterator[runs.Item]]:
        """Partition by partition: each run is read once, from its beginning to its end."""
        for segments in zip(*(run.segments() for run in read), strict=True):
            blocks = merged(list(segments))
            yield chain.from_iterable(combined(self._aggregation, blocks) if self._aggregation else blocks)
