"""Reduce of batches: one partition's frames of all runs, merged by key, and the rows that result as records."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import polars as pl

from fanfold_steps.budget import Budget
from fanfold_steps.columnar.grouping import Accumulator
from fanfold_steps.columnar.rows import lines, objects
from fanfold_steps.columnar.shape import Shape
from fanfold_steps.columnar.spills import FrameSpills
from fanfold_steps.context import Context
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import StageSpec

ROWS = 1 << 16  # made into records at once
Segments = Callable[[int], Iterable[Iterator[tuple[pl.DataFrame, Shape]]]]
"""The segments of a partition, one a map task, in the order of the maps: which is input order."""


class FrameReduceTask:
    """The reduce step of a stage of batches, ready to run over partitions."""

    def __init__(self, stage: StageSpec, segments: Segments, budget: Budget, *, as_text: bool) -> None:
        assert isinstance(stage.reduce, dict)
        self._reduce = stage.reduce
        self._segments = segments
        self._budget = budget
        self._records = lines if as_text else objects

    def records(self, partition: int, context: Context, quarantine: Quarantine | None = None) -> Iterator[Any]:
        """A partition's rows: as dicts, or as lines of text with tabs between the columns.

        Raises:
            PermanentFailure: the frames of the maps don't fit together.
        """
        with Scratch() as scratch:
            spills = FrameSpills(scratch, self._budget)
            accumulator = Accumulator(self._reduce, self._budget, lambda full: _spill(full, spills))
            for segment in self._segments(partition):
                for frame, shape in segment:
                    accumulator.add_states(frame, shape)
            found = accumulator.take()
            if found is None:
                return
            grouping, last = found
            last = grouping.sorted(last)
            for states in filter(len, spills.merged(grouping, 0, last)):
                for piece in states.iter_slices(ROWS):
                    yield from self._records(grouping.results(piece), grouping.shape)


def _spill(full: Accumulator, spills: FrameSpills) -> None:
    found = full.take()
    assert found
    grouping, states = found
    spills.write(grouping, [grouping.sorted(states)])
