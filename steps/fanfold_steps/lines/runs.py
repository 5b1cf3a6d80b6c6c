"""Runs of lines: a map task writes pieces with a segment for each partition, which are read back block by block.

A framed file (`framed.py`), "FFL1":

    body   = whole lines
    footer = JSON: for each piece, for each partition the offset and the bytes of its blocks

A piece is what fitted into memory at once; its segments are sorted, except in a stage that sorts as a column. Pieces
aren't merged here, because the reducer merges or sorts anyway.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise

from fanfold_steps.lines import ENCODING, join
from fanfold_steps.memory.blocks import BlockLength
from fanfold_steps.sorting import framed
from fanfold_storage.objects import Objects

_MAGIC = b"FFL1"
_FEW_LINES, _MOST_LINES = 256, 1 << 20
Index = list[list[tuple[int, int]]]


class RunWriter:
    """Writes one run, piece after piece."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._index: Index = []
        self._offset = 0

    def piece(self, segments: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
        """A piece's bytes, from the blocks of each partition's text; there may be fewer segments than partitions."""
        index: list[tuple[int, int]] = []
        for blocks in segments:
            begin = self._offset
            for data in blocks:
                self._offset += framed.HEADER_BYTES + len(data)
                yield framed.header(data)
                yield data
            index.append((begin, self._offset - begin))
        index += [(self._offset, 0)] * (self._partitions - len(index))
        self._index.append(index)

    def end(self) -> bytes:
        """The run's last bytes."""
        return framed.footer(self._index, _MAGIC)


class Blocks:
    """Makes blocks of about `size` bytes of lines, and learns from each block how many lines the next one takes."""

    def __init__(self, size: int) -> None:
        self._length = BlockLength(size, _FEW_LINES, _MOST_LINES)

    def of(self, lines: list[str], start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Blocks of the lines from number `start` to before `stop`."""
        stop = len(lines) if stop is None else stop
        while start < stop:
            end = min(start + self._length.items, stop)
            data = join(lines[start:end])
            self._length.learn(end - start, len(data))
            if len(data) > 4 * self._length.size and end - start > 1:
                continue  # longer lines than before: fewer of them
            start = end
            yield data

    def cut(self, lines: list[str], boundaries: list[bytes]) -> Iterator[Iterator[bytes]]:
        """The blocks of each range of sorted lines; a line that equals a boundary belongs to the range above it."""
        cuts = [0, *(bisect_left(lines, boundary.decode(ENCODING)) for boundary in boundaries), len(lines)]
        return (self.of(lines, start, stop) for start, stop in pairwise(cuts))


def read_segments(objects: Objects, key: str, size: int, partition: int) -> Iterator[Iterator[bytes]]:
    """A partition's segment of each piece of a run of `size` bytes, each as blocks of lines."""
    index: Index = framed.read_footer(objects, key, size, _MAGIC)
    for segments in index:
        start, length = segments[partition]
        if length:
            yield framed.read_bodies(objects, key, start, start + length)
