"""Reduce of batches: one partition's frames of all runs, merged by key, and the rows that result as records."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from fanfold_steps.columnar.ranges import StateSorter
from fanfold_steps.columnar.rows import lines, objects
from fanfold_steps.columnar.runs import read_segment
from fanfold_steps.columnar.sizes import budget_of_frames
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup

ROWS = 1 << 16  # made into records at once


class FrameReduceStep:
    """The reduce step of a stage of data frames."""

    def __init__(self, setup: StageSetup) -> None:
        assert isinstance(setup.stage.reduce, dict)
        self._reduce = setup.stage.reduce
        self._listed = next((name for name, one in self._reduce.items() if one.rows), None)
        self._budget = budget_of_frames(setup.budget)
        self._records = lines if setup.writes_text else objects

    def records(self, attempt: Attempt, inputs: StageInputs) -> Iterator[Any]:
        """The rows of the task's partition: as dicts, or as lines of text with tabs between the columns.

        Raises:
            PermanentFailure: the frames of the maps don't fit together.
            StorageError: the store is unavailable.
        """
        frames = chain.from_iterable(inputs.segments(read_segment, attempt.task.index))
        with Scratch() as scratch:
            for grouping, states in StateSorter(self._reduce, self._budget, scratch).sorted(frames):
                for piece in states.iter_slices(ROWS):
                    results = grouping.results(piece)
                    rows = results.explode(self._listed) if self._listed else results
                    yield from self._records(rows, grouping.result_kinds)
