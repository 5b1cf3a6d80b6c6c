"""The reduce step for sorted lines: it merges the pieces of a range."""

from collections.abc import Iterator
from itertools import chain

from fanfold_steps.formats.lines import LineRecords
from fanfold_steps.lines import join, split
from fanfold_steps.lines.merge import Segment, merge
from fanfold_steps.lines.runs import read_segments
from fanfold_steps.memory.budget import KIB, Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup

_UNPACKED = 4  # how much more a block takes as lines, and while it is read
_CHUNK = 1 << 20
_MOST_OPEN = 256


class LineReduceStep:
    """The reduce step: merges the pieces of a range."""

    def __init__(self, setup: StageSetup) -> None:
        self._budget = setup.budget

    def records(self, attempt: Attempt, inputs: StageInputs) -> LineRecords:
        """The lines of the task's range in order, as blocks of text. Raises StorageError."""
        return LineRecords(self._blocks(written_blocks(inputs, attempt.task.index)))

    def _blocks(self, pieces: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
        segments: list[Segment] = [map(split, blocks) for blocks in pieces]
        with Scratch() as scratch:
            for lines in merge(segments, scratch, fan_in_of(self._budget), block_of(self._budget)):
                yield join(lines)


def written_blocks(inputs: StageInputs, partition: int) -> Iterator[Iterator[bytes]]:
    """A partition's segment of each piece of each map task's run, in blocks of whole lines."""
    return chain.from_iterable(inputs.segments(read_segments, partition))


def block_of(budget: Budget) -> int:
    """The size of a block in bytes."""
    return max(4 * KIB, min(budget.share // 256, 128 * KIB))  # larger ones only leave the cache


def fan_in_of(budget: Budget) -> int:
    """How many segments are merged at once: each holds a chunk from the store, a block, and a file or a connection."""
    return max(2, min(budget.held // (_CHUNK + block_of(budget) * _UNPACKED), _MOST_OPEN))
