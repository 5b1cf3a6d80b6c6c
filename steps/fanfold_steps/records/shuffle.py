"""Shuffle: where there are many maps and many partitions, the runs of neighbouring maps are merged into one first, so
that a reducer opens few segments, and larger ones."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

from fanfold_steps.aggregations import build
from fanfold_steps.crash_points import around
from fanfold_steps.job.spec import Aggregate
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.records.combining import combined
from fanfold_steps.sorting import runs
from fanfold_steps.sorting.merge import merged, within_fan_in
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.commit import Written
from fanfold_steps.tree.job_tree import JobTree


class ShuffleStep:
    """The shuffle step of a stage."""

    def __init__(self, setup: StageSetup) -> None:
        reduce = setup.stage.reduce
        self._aggregation = build(reduce) if isinstance(reduce, Aggregate | list | dict) else None
        self._budget = setup.budget

    def run(self, found: list[tuple[str, int]], tree: JobTree, key: str) -> Written:
        """Merge runs, each by key and size, into one under `key`. Raises StorageError."""
        read = [runs.WholeRun(tree.objects, run, size) for run, size in found]
        with Scratch() as scratch, around("shuffle.run"):
            few = within_fan_in(read, self._budget.fan_in, partial(self._stored, scratch))
            size = tree.put_run(key, self._packed(few))
        return Written(sum(run.records for run in read), size)

    def _stored(self, scratch: Scratch, read: list[runs.WholeRun], key: str) -> runs.WholeRun:
        with around("merge"):
            size = scratch.spill(key, self._packed(read))
        return runs.WholeRun(scratch.objects, key, size)

    def _packed(self, read: list[runs.WholeRun]) -> Iterator[bytes]:
        return runs.pack(self._segments(read), self._budget.block)

    def _segments(self, read: list[runs.WholeRun]) -> Iterator[Iterator[runs.Item]]:
        """Partition by partition: each run is read once, from its beginning to its end."""
        for segments in zip(*(run.segments() for run in read), strict=True):
            blocks = merged(list(segments))
            yield chain.from_iterable(combined(self._aggregation, blocks) if self._aggregation else blocks)
