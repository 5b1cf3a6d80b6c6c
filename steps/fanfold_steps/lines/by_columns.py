"""Sorting lines as a column of Polars, where memory allows: map tasks only cut lines into ranges, and a reduce task
sorts its range at once. What doesn't fit into memory after all is sorted in pieces on disk, which are then merged."""

from collections.abc import Iterable, Iterator
from itertools import chain

from fanfold_steps.formats.lines import LineRecords
from fanfold_steps.lines import join
from fanfold_steps.lines.column import LineColumn
from fanfold_steps.lines.map import boundaries_of, texts
from fanfold_steps.lines.merge import Segment, merge, stored
from fanfold_steps.lines.reduce import block_of, fan_in_of, written_blocks
from fanfold_steps.lines.runs import RunWriter
from fanfold_steps.memory.budget import MIB
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.commit import Commit, Written

_PIECE = 8 * MIB  # of lines that are cut into ranges at once
_UNPACKED = 4  # how much more lines take in a column, and while they are sorted


class ScatterStep:
    """The map step: cuts the lines of a split into ranges."""

    def __init__(self, setup: StageSetup) -> None:
        self._partitions = setup.partitions
        self._piece = min(_PIECE, setup.budget.share // 16)

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Write the lines of each range. Raises PermanentFailure, StorageError."""
        batches, boundaries = inputs.batches(attempt.task), boundaries_of(inputs, self._partitions)
        writer, records = RunWriter(self._partitions), 0

        def chunks() -> Iterator[bytes]:
            nonlocal records
            for blocks, _ in _grouped(texts(batches), self._piece):
                column = LineColumn.of(blocks)
                records += len(column)
                yield from writer.piece(part.text(MIB) for part in column.ranges(boundaries))
            yield writer.end()

        size = attempt.put_run(chunks())
        return attempt.commit(Written(records, size), read=batches.size)


class SortStep:
    """The reduce step: sorts a range."""

    def __init__(self, setup: StageSetup) -> None:
        self._budget = setup.budget

    def records(self, attempt: Attempt, inputs: StageInputs) -> LineRecords:
        """The lines of the task's range in order, as blocks of text. Raises StorageError."""
        return LineRecords(self._blocks(chain.from_iterable(written_blocks(inputs, attempt.task.index))))

    def _blocks(self, written: Iterator[bytes]) -> Iterator[bytes]:
        block = block_of(self._budget)
        with Scratch() as scratch:
            spilled: list[Segment] = []
            for blocks, is_last in _grouped(written, self._budget.held // _UNPACKED):
                column = LineColumn.of(blocks).sorted()
                if is_last and not spilled:
                    yield from column.text(MIB)
                    return
                spilled.append(stored(column.text(block), f"sorted-{len(spilled)}", scratch))
            for lines in merge(spilled, scratch, fan_in_of(self._budget), block):
                yield join(lines)


def _grouped(blocks: Iterable[bytes], size: int) -> Iterator[tuple[list[bytes], bool]]:
    """Blocks in groups of about `size` bytes; with each group, whether it is the last one."""
    held: list[bytes] = []
    length = 0
    for block in filter(None, blocks):
        if held and length + len(block) > size:
            yield held, False
            held, length = [], 0
        held.append(block if block.endswith(b"\n") else block + b"\n")
        length += len(block)
    if held:
        yield held, True
