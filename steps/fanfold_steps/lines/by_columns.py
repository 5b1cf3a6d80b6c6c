"""The steps of a stage that sorts lines where there is memory: maps only cut into ranges, and a reducer sorts its range
at once. What outgrows the memory all the same is sorted in pieces on disk, and those are merged."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from fanfold_steps.batches import Batches
from fanfold_steps.budget import MIB, Budget
from fanfold_steps.crash_points import around
from fanfold_steps.lines import join
from fanfold_steps.lines.column import Column
from fanfold_steps.lines.merge import Segment, merge, stored
from fanfold_steps.lines.runs import RunWriter
from fanfold_steps.lines.tasks import LineReduceTask, Ranges, block_of, fan_in_of, texts
from fanfold_steps.scratch import Scratch
from fanfold_storage.objects import Objects

_PIECE = 8 * MIB  # of lines that are cut into ranges at once
_UNPACKED = 4  # how much more lines take in a column, and while they are sorted


class ScatterTask:
    """Cuts what splits hold into ranges."""

    def __init__(self, ranges: Ranges, budget: Budget) -> None:
        self._ranges = ranges
        self._piece = min(_PIECE, budget.share // 16)

    def run(self, mapper: object, batches: Batches, objects: Objects, key: str) -> dict[str, Any]:
        """Write the lines of each range under `key`; returns what the commit records."""
        writer, boundaries, records = RunWriter(self._ranges.count), self._ranges.boundaries, 0

        def chunks() -> Iterator[bytes]:
            nonlocal records
            for blocks, _ in _together(texts(batches), self._piece):
                column = Column.of(blocks)
                records += len(column)
                yield from writer.piece(part.text(MIB) for part in column.ranges(boundaries))
            yield writer.end()

        with around("map.run"):
            size = objects.put(key, chunks())
        return {"records": records, "bytes": size, "read": batches.size, "counters": {}}


class SortTask(LineReduceTask):
    """Sorts a range."""

    def _blocks(self, partition: int) -> Iterator[bytes]:
        written = chain.from_iterable(chain.from_iterable(self._segments(partition)))
        block = block_of(self._budget)
        with Scratch() as scratch:
            spilled: list[Segment] = []
            for blocks, is_last in _together(written, self._budget.held // _UNPACKED):
                column = Column.of(blocks).sorted()
                if is_last and not spilled:
                    yield from column.text(MIB)
                    return
                spilled.append(stored(column.text(block), f"sorted-{len(spilled)}", scratch))
            for lines in merge(spilled, scratch, fan_in_of(self._budget), block):
                yield join(lines)


def _together(blocks: Iterable[bytes], size: int) -> Iterator[tuple[list[bytes], bool]]:
    """Blocks in groups of about `size` bytes, and whether a group is the last."""
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
