"""The map step for lines: pieces of a split, each as large as memory allows, are sorted and cut into ranges."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import cast

from fanfold_steps.formats.ranges import UTF8_BOM
from fanfold_steps.formats.text import TextBlock
from fanfold_steps.inputs.batches import Batch, Batches, FileBatch
from fanfold_steps.lines import split
from fanfold_steps.lines.reduce import block_of
from fanfold_steps.lines.runs import Blocks, RunWriter
from fanfold_steps.memory.budget import Budget
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import Sample, StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.commit import Commit, Written

_LINE = 80  # bytes that a line takes besides its characters: the object, its slot in the list, and for sorting


class LineMapStep:
    """Cuts splits into sorted pieces, and those into ranges."""

    def __init__(self, setup: StageSetup) -> None:
        self._partitions = setup.partitions
        self._budget = setup.budget

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Sort what the task reads and write its run. Raises PermanentFailure, StorageError."""
        batches, boundaries = inputs.batches(attempt.task), boundaries_of(inputs, self._partitions)
        pieces = _Pieces(batches, self._budget)
        size = attempt.put_run(self._chunks(pieces, boundaries))
        return attempt.commit(Written(pieces.lines, size), read=batches.size)

    def _chunks(self, pieces: "_Pieces", boundaries: list[bytes]) -> Iterator[bytes]:
        writer, blocks = RunWriter(self._partitions), Blocks(block_of(self._budget))
        for lines in pieces:
            yield from writer.piece(blocks.cut(lines, boundaries))
        yield writer.end()


def boundaries_of(inputs: StageInputs, partitions: int) -> list[bytes]:
    """The line at which each range but the first begins; there are fewer if there are fewer different lines."""
    return inputs.boundaries(_weigh) if partitions > 1 else []


class _Pieces:
    """What a task reads, as sorted lists of lines, each as long as memory allows."""

    def __init__(self, batches: Batches, budget: Budget) -> None:
        self._batches = batches
        self._budget = budget
        self.lines = 0
        """How many lines there were."""

    def __iter__(self) -> Iterator[list[str]]:
        lines: list[str] = []
        size = 0
        for data in texts(self._batches):
            lines += split(data)
            size += len(data)
            if size + len(lines) * _LINE > self._budget.held:
                yield self._sorted(lines)
                lines, size = [], 0
        if lines:
            yield self._sorted(lines)

    def _sorted(self, lines: list[str]) -> list[str]:
        self.lines += len(lines)
        lines.sort()
        return lines


def texts(batches: Iterable[Batch]) -> Iterator[bytes]:
    """The content of batches of text, in blocks of whole lines; a file's last line needn't end with a line break.

    A byte order mark stays where it is, as with `sort`.
    """
    for batch in batches:
        block = cast(TextBlock, cast(FileBatch, batch).block)
        yield UTF8_BOM + block.data if block.marked else block.data


def _weigh(sample: Sample) -> Counter[bytes]:
    weights: Counter[bytes] = Counter()
    for data in texts(batch for _, batch in sample):
        weights.update(data.removesuffix(b"\n").split(b"\n"))
    return weights
