"""Merging sorted lines: one block of each segment is in memory, and `list.sort` detects that they are sorted."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

from fanfold_steps.lines import split
from fanfold_steps.lines.runs import Blocks, RunWriter, read_segments
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting.heads import heads_of
from fanfold_steps.sorting.merge import within_fan_in

Segment = Iterator[list[str]]


def merge(segments: list[Segment], scratch: Scratch, fan_in: int, block: int) -> Iterator[list[str]]:
    """All lines in order, in lists. Groups of segments are first merged on disk if there are more than `fan_in`."""

    def joined(group: list[Segment], key: str) -> Segment:
        return stored(chain.from_iterable(map(Blocks(block).of, merged(group))), key, scratch)

    return merged(within_fan_in(segments, fan_in, joined))


def merged(segments: list[Segment]) -> Iterator[list[str]]:
    """All lines in order, in lists.

    >>> list(merged([iter([["a", "d"], ["f"]]), iter([["b", "c"]])]))
    [['a', 'b', 'c'], ['d'], ['f']]
    """
    heads = heads_of(segments)
    while len(heads) > 1:
        bound = min([head.items[-1] for head in heads])
        lines: list[str] = []
        for head in heads:
            lines += head.take(bisect_right(head.items, bound, head.taken))
        lines.sort()
        yield lines
        heads = [head for head in heads if head.fill()]
    for head in heads:
        yield from head.rest()


def stored(blocks: Iterable[bytes], key: str, scratch: Scratch) -> Segment:
    """Write sorted lines to disk, and return them as a segment that reads them from there."""
    writer = RunWriter(1)

    def chunks() -> Iterator[bytes]:
        yield from writer.piece([blocks])
        yield writer.end()

    size = scratch.spill(key, chunks())
    return map(split, chain.from_iterable(read_segments(scratch.objects, key, size, 0)))
