"""Runs of tables: the rows of one table in pieces, each with a segment for each partition, in the rows' order.

A framed file (`framed.py`), "FFT1":

    body   = a frame of rows in Arrow's IPC stream format; packed by LZ4
    footer = JSON: the table's number; for each piece what its texts hold (`Texts`) and, for each partition, the offset
             and the bytes of its blocks, and what they take in memory

The columns of a frame are those of the table, "0", "1", … and, where a key isn't written as what all that may equal it
have for a key, that key in "k0", …
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lz4.block
import polars as pl

from fanfold_steps.formats.separated.frames import Texts
from fanfold_steps.sorting import framed
from fanfold_storage.objects import Objects

_MAGIC = b"FFT1"


class Packed(NamedTuple):
    """A block of a run, and how many bytes its rows take in memory."""

    body: bytes
    plain: int


def packed(frame: pl.DataFrame) -> Packed:
    """A frame as a block."""
    written = io.BytesIO()
    frame.write_ipc_stream(written)
    return Packed(lz4.block.compress(written.getbuffer()), written.tell())


class RunWriter:
    """Writes one run, piece after piece."""

    def __init__(self, table: int) -> None:
        self._table = table
        self._pieces: list[tuple[Texts, list[tuple[int, int, int]]]] = []
        self._offset = 0

    def piece(self, segments: Iterable[Iterable[Packed]], texts: Texts) -> Iterator[bytes]:
        """A piece's bytes, from the blocks of each partition; `texts` says what they hold."""
        index: list[tuple[int, int, int]] = []
        for blocks in segments:
            begin, plain = self._offset, 0
            for block in blocks:
                plain += block.plain
                self._offset += framed.HEADER_BYTES + len(block.body)
                yield framed.header(block.body)
                yield block.body
            index.append((begin, self._offset - begin, plain))
        self._pieces.append((texts, index))

    def end(self) -> bytes:
        """The run's last bytes."""
        return framed.footer([self._table, self._pieces], _MAGIC)


@dataclass(frozen=True, slots=True)
class Segment:
    """A partition's rows of one run."""

    objects: Objects
    key: str
    table: int
    size: int
    """Bytes that they take in memory."""
    texts: Texts
    """What they hold."""
    ranges: Sequence[tuple[int, int]]

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows in order. Raises CorruptRun, NotFound."""
        for start, length in self.ranges:
            for body in framed.read_bodies(self.objects, self.key, start, start + length):
                yield pl.read_ipc_stream(lz4.block.decompress(body))


def read_segment(objects: Objects, key: str, size: int, partition: int) -> Segment:
    """A partition's segment of a run of `size` bytes. Raises CorruptRun, NotFound."""
    table, pieces = framed.read_footer(objects, key, size, _MAGIC)
    held = [(texts, *index[partition]) for texts, index in pieces if index[partition][1]]
    return Segment(
        objects,
        key,
        table,
        sum(plain for _, _, _, plain in held),
        max((Texts(texts) for texts, *_ in held), default=Texts.SIMPLE),
        [(start, length) for _, start, length, _ in held],
    )
