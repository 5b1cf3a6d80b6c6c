"""Merge of sorted lines: of each segment one block is in memory, and `list.sort` finds the runs in them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

from fanfold_steps.lines import split
from fanfold_steps.lines.runs import Blocks, RunWriter, read_segments
from fanfold_steps.merge import few
from fanfold_steps.scratch import Scratch

Segment = Iterator[list[str]]


def merge(segments: list[Segment], scratch: Scratch, fan_in: int, block: int) -> Iterator[list[str]]:
    """All lines in order, some at a time. More segments than `fan_in` are first merged in groups on disk."""

    def joined(group: list[Segment], key: str) -> Segment:
        return stored(chain.from_iterable(map(Blocks(block).of, merged(group))), key, scratch)

    return merged(few(segments, fan_in, joined))


def merged(segments: list[Segment]) -> Iterator[list[str]]:
    """All lines in order, some at a time.

    >>> list(merged([iter([["a", "d"], ["f"]]), iter([["b", "c"]])]))
    [['a', 'b', 'c'], ['d'], ['f']]
    """
    heads = [head for head in map(_Head, segments) if head.fill()]
    while len(heads) > 1:
        bound = min([head.lines[-1] for head in heads])
        lines: list[str] = []
        emptied = False
        for head in heads:
            emptied |= head.take(bound, lines)
        lines.sort()
        yield lines
        if emptied:
            heads = [head for head in heads if head.fill()]
    for head in heads:
        yield from head.rest()


class _Head:
    """The block of a segment that is in memory, and how far it has been taken."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.lines: list[str] = []
        self._taken = 0

    def fill(self) -> bool:
        """Have lines, from the next block if there must be; False at the segment's end."""
        if self._taken == len(self.lines):
            self.lines, self._taken = next(self._segment, []), 0
        return bool(self.lines)

    def take(self, bound: str, lines: list[str]) -> bool:
        """Move the lines up to a bound; whether none is left."""
        stop = bisect_right(self.lines, bound, self._taken)
        lines += self.lines[self._taken : stop]
        self._taken = stop
        return stop == len(self.lines)

    def rest(self) -> Iterator[list[str]]:
        """All that is left."""
        yield self.lines[self._taken :]
        yield from self._segment


def stored(blocks: Iterable[bytes], key: str, scratch: Scratch) -> Segment:
    """Sorted lines, by way of the disk."""
    writer = RunWriter(1)

    def chunks() -> Iterator[bytes]:
        yield from writer.piece([blocks])
        yield writer.end()

    size = scratch.objects.put(key, chunks(), hint=True)
    return map(split, chain.from_iterable(read_segments(scratch.objects, key, size, 0)))
