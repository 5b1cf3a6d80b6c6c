"""The steps of a stage that sorts lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from fanfold_steps.batches import Batch, Batches, FileBatch
from fanfold_steps.budget import KIB, Budget
from fanfold_steps.context import Context
from fanfold_steps.crash_points import around
from fanfold_steps.formats.lines import LineRecords
from fanfold_steps.formats.text import TextBlock
from fanfold_steps.lines import join, split
from fanfold_steps.lines.merge import Segment, merge
from fanfold_steps.lines.runs import Packer
from fanfold_steps.scratch import Scratch
from fanfold_steps.total_order import Weigh
from fanfold_storage.objects import Objects

_LINE = 80  # bytes that a line takes beside its characters: the object, its place in the list, its share of the sorting
_UNPACKED = 4  # how much more a block takes as lines, and while it is read
Segments = Callable[[int], Iterable[Iterable[Segment]]]
"""A partition's segments of all pieces of all maps."""


class LineMapTask:
    """Cuts splits into sorted pieces, and those into ranges."""

    def __init__(self, partitions: int, budget: Budget, boundaries: Callable[[Weigh], list[bytes]]) -> None:
        self._partitions = partitions
        self._budget = budget
        self._settle = boundaries
        self._boundaries: list[bytes] | None = None

    def run(self, mapper: object, batches: Batches, objects: Objects, key: str) -> dict[str, Any]:
        """Sort what a task reads and write its run under `key`; returns what the commit records."""
        pieces = _Pieces(batches, self._budget)
        packer = Packer(self._ranges(), self._partitions, _block(self._budget))

        def chunks() -> Iterator[bytes]:
            for lines in pieces:
                yield from packer.piece(lines)
            yield packer.end()

        with around("map.run"):
            size = objects.put(key, chunks())
        return {"records": pieces.lines, "bytes": size, "read": batches.size, "counters": {}}

    def _ranges(self) -> list[bytes]:
        if self._boundaries is None:
            self._boundaries = self._settle(_weigh) if self._partitions > 1 else []
        return self._boundaries


class LineReduceTask:
    """Merges the pieces of a range."""

    def __init__(self, segments: Segments, budget: Budget) -> None:
        self._segments = segments
        self._budget = budget

    def records(self, partition: int, context: Context, quarantine: object = None) -> LineRecords:
        """A partition's lines in order, as blocks of text."""
        return LineRecords(self._blocks(partition))

    def _blocks(self, partition: int) -> Iterator[bytes]:
        block = _block(self._budget)
        fan_in = max(2, self._budget.held // (block * _UNPACKED))
        with Scratch() as scratch:
            segments = [segment for pieces in self._segments(partition) for segment in pieces]
            for lines in merge(segments, scratch, fan_in, block):
                yield join(lines)


class _Pieces:
    """What a task reads as sorted lists of lines, each as long as the memory allows."""

    def __init__(self, batches: Batches, budget: Budget) -> None:
        self._batches = batches
        self._budget = budget
        self.lines = 0
        """How many there were in all."""

    def __iter__(self) -> Iterator[list[str]]:
        lines: list[str] = []
        size = 0
        for data in _texts(self._batches):
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


def _texts(batches: Iterable[Batch]) -> Iterator[bytes]:
    for batch in batches:
        yield cast(TextBlock, cast(FileBatch, batch).block).data


def _weigh(sample: Iterable[tuple[Any, Batch]]) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    for data in _texts(batch for _, batch in sample):
        found.update(data.removesuffix(b"\n").split(b"\n"))
    return found


def _block(budget: Budget) -> int:
    return max(4 * KIB, min(budget.share // 256, 128 * KIB))  # larger ones only leave the cache
