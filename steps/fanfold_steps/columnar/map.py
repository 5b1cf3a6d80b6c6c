"""Map of batches: the user's function over frames of a split, aggregated, in one run with a segment a partition."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

import polars as pl

from fanfold_steps.columnar import runs as segments
from fanfold_steps.columnar.grouping import Accumulator, Grouping
from fanfold_steps.columnar.partitions import partitions
from fanfold_steps.columnar.python import first_row
from fanfold_steps.columnar.reading import BLOCK_BYTES, InputFrame, frames
from fanfold_steps.columnar.shape import as_frame, normalized, with_results
from fanfold_steps.columnar.sizes import budget_of_frames
from fanfold_steps.columnar.spills import FrameSpills
from fanfold_steps.failure.blame import Blame
from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.place import at_place
from fanfold_steps.job.spec import BatchFunction
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.commit import Commit, Written


class FrameMapStep:
    """The map step of a stage of data frames."""

    def __init__(self, setup: StageSetup) -> None:
        assert isinstance(setup.stage.reduce, dict)
        assert isinstance(setup.stage.map, BatchFunction)
        self._reduce = setup.stage.reduce
        self._key = setup.stage.key
        self._function = setup.code.function(setup.stage.map.batch, "batch function", 1)
        self._code_root = setup.code.root
        self._partitions = setup.partitions
        self._budget = budget_of_frames(setup.budget)

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Map what the task reads and write its run.

        Raises:
            PermanentFailure: the user's code raised or returned something invalid; with the position of its frame.
            StorageError: the store is unavailable.
        """
        call, records, batches = self._function.begin(attempt.context).call, 0, inputs.batches(attempt.task)
        with Scratch() as scratch:
            spills = FrameSpills(scratch)
            accumulator = Accumulator(self._reduce, self._budget, partial(self._spill, spills))
            for batch in frames(batches, min(self._budget.share // 32, BLOCK_BYTES)):
                self._add(batch, call, accumulator)
                records += batch.frame.height
            size = attempt.put_run(self._run(accumulator, spills))
        return attempt.commit(Written(records, size), read=batches.size)

    def _add(self, input: InputFrame, call: Callable[[pl.DataFrame], object], accumulator: Accumulator) -> None:
        def position() -> Position:
            first = first_row(input.frame)
            return input.batch.position_of(0, first if len(first) > 1 else next(iter(first.values())))

        try:
            with at_place(position):
                with Blame("batch function", self._code_root):
                    returned = as_frame(call(input.frame))
                rows = with_results(returned, self._key, self._reduce)
                accumulator.add_rows(*normalized(rows, self._reduce, escaped=input.escaped))
        except PermanentFailure as failure:
            failure.position = position()
            raise

    def _run(self, accumulator: Accumulator, spills: FrameSpills) -> Iterator[bytes]:
        found = accumulator.take_unmerged() if spills else accumulator.take()
        if found is None:
            return segments.pack([[] for _ in range(self._partitions)], None)
        grouping, states = found
        last = enumerate(self._partitioned(grouping, states))
        return segments.pack((chain(spills.read(number), [part]) for number, part in last), grouping.shape)

    def _spill(self, spills: FrameSpills, full: Accumulator) -> None:
        found = full.take_unmerged()
        assert found
        grouping, states = found
        spills.write(grouping.shape, self._partitioned(grouping, states))

    def _partitioned(self, grouping: Grouping, states: pl.DataFrame) -> list[pl.DataFrame]:
        """The states of each partition."""
        if self._partitions == 1 or not states.height:
            return [states] * self._partitions
        places = partitions(states, grouping.shape.keys, self._partitions)
        return [states.filter(places == number) for number in range(self._partitions)]
