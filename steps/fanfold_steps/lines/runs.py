"""Runs of lines: what a map task writes, sorted pieces with a segment for each partition, read back block by block.

A framed file (`framed.py`), "FFL1":

    body   = whole lines
    footer = JSON: for each piece, for each partition the offset and the bytes of its blocks

A piece is what fitted into the memory at once. They aren't merged here: the reducer merges anyway.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise

from fanfold_steps import framed
from fanfold_steps.lines import ENCODING, join, split
from fanfold_storage.objects import Objects

_MAGIC = b"FFL1"
_FEW_LINES, _MOST_LINES = 256, 1 << 20
Index = list[list[tuple[int, int]]]


class Packer:
    """Writes one run."""

    def __init__(self, boundaries: list[bytes], partitions: int, block: int) -> None:
        self._boundaries = [boundary.decode(ENCODING) for boundary in boundaries]
        self._empty = partitions - len(boundaries) - 1  # partitions for which there was no key
        self._block = block
        self._lines = _FEW_LINES  # of a block, as the last one had it
        self._index: Index = []
        self._offset = 0

    def piece(self, lines: list[str]) -> Iterator[bytes]:
        """A piece's bytes, from its sorted lines; a line that equals a boundary lies above it."""
        cuts = [0, *(bisect_left(lines, boundary) for boundary in self._boundaries), len(lines)]
        cuts += [len(lines)] * self._empty
        self._index.append([])
        for start, stop in pairwise(cuts):
            begin = self._offset
            yield from self._blocks(lines, start, stop)
            self._index[-1].append((begin, self._offset - begin))

    def stream(self, some: Iterable[list[str]]) -> Iterator[bytes]:
        """The bytes of one piece of one partition, from its lines as they come."""
        begin = self._offset
        for lines in some:
            yield from self._blocks(lines, 0, len(lines))
        self._index.append([(begin, self._offset - begin)])

    def end(self) -> bytes:
        """The run's last bytes."""
        return framed.footer(self._index, _MAGIC)

    def _blocks(self, lines: list[str], start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            end = min(start + self._lines, stop)
            data = join(lines[start:end])
            self._lines = max(1, min((end - start) * self._block // len(data), 4 * self._lines, _MOST_LINES))
            if len(data) > 4 * self._block and end - start > 1:
                continue  # longer lines than before: fewer of them
            start = end
            self._offset += framed.HEADER_BYTES + len(data)
            yield framed.header(data)
            yield data


def read_segments(objects: Objects, key: str, size: int, partition: int) -> Iterator[Iterator[list[str]]]:
    """A partition's segment of each piece of a run of `size` bytes; each gives sorted lines, block by block."""
    index: Index = framed.read_footer(objects, key, size, _MAGIC)
    for segments in index:
        start, length = segments[partition]
        if length:
            yield map(split, framed.read_bodies(objects, key, start, start + length))
