"""Runs of frames: the file that a map task of batches writes, a segment of states for each partition.

A framed file (`framed.py`), "FFB1":

body    = a frame of states in Arrow's IPC stream format; packed by LZ4
footer  = JSON: the shape of the frames, and for each partition the offset and the bytes of its blocks
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import lz4.block
import polars as pl

from fanfold_steps.columnar.shape import Shape
from fanfold_steps.columnar.sizes import size_of
from fanfold_steps.sorting import framed
from fanfold_storage.objects import Objects

BLOCK_ROWS, BLOCK_BYTES = 1 << 16, 1 << 20  # at most, and before it is packed
Frames = Iterable[pl.DataFrame]
_MAGIC = b"FFB1"


def pack(segments: Iterable[Frames], shape: Shape | None) -> Iterator[bytes]:
    """A run's bytes in chunks, from its segments in order of the partitions; without a shape it is empty."""
    index: list[tuple[int, int]] = []
    offset = 0
    for segment in segments:
        start = offset
        for frame in filter(len, segment):
            fitting = BLOCK_BYTES * frame.height // max(size_of(frame), 1)
            for piece in frame.iter_slices(max(1, min(BLOCK_ROWS, fitting))):
                data = _pack_block(piece)
                offset += len(data)
                yield data
        index.append((start, offset - start))
    yield framed.footer({"shape": asdict(shape) if shape else None, "index": index}, _MAGIC)


def read_segment(objects: Objects, key: str, size: int, partition: int) -> Iterator[tuple[pl.DataFrame, Shape]]:
    """One partition's frames of a run of `size` bytes, in order; an empty one if there are only others' partitions.

    Raises CorruptRun, NotFound.
    """
    footer = framed.read_footer(objects, key, size, _MAGIC)
    start, length = footer["index"][partition]
    if footer["shape"] is None:
        return
    shape = Shape(**footer["shape"])
    if not length:
        yield pl.DataFrame(), shape
        return
    for body in framed.read_bodies(objects, key, start, start + length):
        yield pl.read_ipc_stream(lz4.block.decompress(body)), shape


def _pack_block(frame: pl.DataFrame) -> bytes:
    plain = io.BytesIO()
    frame.write_ipc_stream(plain)
    body: bytes = lz4.block.compress(plain.getbuffer())
    return framed.header(body) + body
