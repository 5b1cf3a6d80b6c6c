"""The steps of a stage that sorts lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import Any, cast

from fanfold_steps.batches import Batch, Batches, FileBatch
from fanfold_steps.budget import KIB, Budget
from fanfold_steps.context import Context
from fanfold_steps.crash_points import around
from fanfold_steps.formats.lines import LineRecords
from fanfold_steps.formats.text import TextBlock
from fanfold_steps.lines import join, split
from fanfold_steps.lines.merge import Segment, merge
from fanfold_steps.lines.runs import Blocks, RunWriter
from fanfold_steps.scratch import Scratch
from fanfold_steps.total_order import Weigh
from fanfold_storage.objects import Objects

_LINE = 80  # bytes that a line takes beside its characters: the object, its place in the list, its share of the sorting
_UNPACKED = 4  # how much more a block takes as lines, and while it is read
_CHUNK = 1 << 20
_MOST_OPEN = 256
Segments = Callable[[int], Iterable[Iterable[Iterator[bytes]]]]
"""A partition's segments of all pieces of all maps, each in blocks of whole lines."""


class Ranges:
    """The ranges of lines that partitions are."""

    def __init__(self, count: int, settle: Callable[[Weigh], list[bytes]]) -> None:
        self.count = count
        self._settle = settle

    @cached_property
    def boundaries(self) -> list[bytes]:
        """Where each but the first begins; fewer where there are fewer different lines. They come of a sample."""
        return self._settle(_weigh) if self.count > 1 else []


class LineMapTask:
    """Cuts splits into sorted pieces, and those into ranges."""

    def __init__(self, ranges: Ranges, budget: Budget) -> None:
        self._ranges = ranges
        self._budget = budget

    def run(self, mapper: object, batches: Batches, objects: Objects, key: str) -> dict[str, Any]:
        """Sort what a task reads and write its run under `key`; returns what the commit records."""
        pieces, boundaries = _Pieces(batches, self._budget), self._ranges.boundaries
        writer, blocks = RunWriter(self._ranges.count), Blocks(block_of(self._budget))

        def chunks() -> Iterator[bytes]:
            for lines in pieces:
                yield from writer.piece(blocks.cut(lines, boundaries))
            yield writer.end()

        with around("map.run"):
            size = objects.put(key, chunks())
        return {"records": pieces.lines, "bytes": size, "read": batches.size, "counters": {}}


class LineReduceTask:
    """Merges the pieces of a range."""

    def __init__(self, segments: Segments, budget: Budget) -> None:
        self._segments = segments
        self._budget = budget

    def records(self, partition: int, context: Context, quarantine: object = None) -> LineRecords:
        """A partition's lines in order, as blocks of text."""
        return LineRecords(self._blocks(partition))

    def _blocks(self, partition: int) -> Iterator[bytes]:
        segments: list[Segment] = [map(split, blocks) for blocks in chain.from_iterable(self._segments(partition))]
        with Scratch() as scratch:
            for lines in merge(segments, scratch, fan_in_of(self._budget), block_of(self._budget)):
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
    """What batches of text hold, in blocks of whole lines; the last line of a file may lack its end."""
    for batch in batches:
        yield cast(TextBlock, cast(FileBatch, batch).block).data


def _weigh(sample: Iterable[tuple[Any, Batch]]) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    for data in texts(batch for _, batch in sample):
        found.update(data.removesuffix(b"\n").split(b"\n"))
    return found


def block_of(budget: Budget) -> int:
    """Bytes of a block."""
    return max(4 * KIB, min(budget.share // 256, 128 * KIB))  # larger ones only leave the cache


def fan_in_of(budget: Budget) -> int:
    """Segments merged at once: each holds a chunk as the store gives it, a block, and a file or a connection."""
    return max(2, min(budget.held // (_CHUNK + block_of(budget) * _UNPACKED), _MOST_OPEN))
