"""Spills: what doesn't fit into memory is written to disk as sorted runs, and read back merged."""

from collections.abc import Iterable

from fanfold_steps.crash_points import around
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting import runs
from fanfold_steps.sorting.merge import Segment, merge


class Spills:
    """A task's runs on disk."""

    def __init__(self, scratch: Scratch, budget: Budget) -> None:
        self._scratch = scratch
        self._budget = budget
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._sizes)

    def write(self, segments: Iterable[Iterable[runs.Item]]) -> None:
        """Write one more run to disk, a sorted segment for each partition. Raises runs.Unpicklable."""
        packed = runs.pack(segments, self._budget.block)
        with around("spill"):
            self._sizes.append(self._scratch.spill(f"spill-{len(self)}.run", packed))

    def merged(self, partition: int) -> Segment:
        """A partition's items of all runs by key; items of equal keys in the order of the runs."""
        written = [
            runs.read_blocks(self._scratch.objects, f"spill-{number}.run", size, partition)
            for number, size in enumerate(self._sizes)
        ]
        return merge(written, self._scratch, self._budget)
