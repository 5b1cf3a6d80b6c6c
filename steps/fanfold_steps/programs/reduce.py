"""The reduce step for programs: a program is fed the lines of one partition, sorted by key."""

from collections.abc import Iterator
from itertools import chain
from operator import itemgetter

from fanfold_steps.formats import LineRecords
from fanfold_steps.job.spec import Program
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.programs.collector import in_blocks
from fanfold_steps.programs.line_keys import joined
from fanfold_steps.sorting import runs
from fanfold_steps.sorting.merge import merge
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup


class ProgramReduceStep:
    """The reduce step of a stage whose reducer is a program."""

    def __init__(self, setup: StageSetup) -> None:
        assert isinstance(setup.stage.reduce, Program)
        self._program = setup.stage.reduce
        self._code = setup.code
        self._tasks = setup.tasks
        self._budget = setup.budget

    def records(self, attempt: Attempt, inputs: StageInputs) -> LineRecords:
        """Feed the program the task's partition, the lines of a key in input order; returns the lines that it writes.

        Raises:
            PermanentFailure: it can't be started, or fails.
            StorageError: the store is unavailable.
        """
        programs = Programs(attempt, self._code, self._tasks)
        feed = in_blocks(self._lines(inputs, attempt.task.index))
        return LineRecords(iter(joined(self._program, programs.lines("reducer", self._program, feed))))

    def _lines(self, inputs: StageInputs, partition: int) -> Iterator[bytes]:
        with Scratch() as scratch:
            merged = merge(inputs.segments(runs.read_blocks, partition), scratch, self._budget)
            yield from map(itemgetter(1), chain.from_iterable(merged))
