"""Runs of frames: the file that a map task of batches writes, a segment of states for each partition.

file    = block* footer length-of-footer (4 bytes) "FFB1"
block   = length (4) CRC-32 of the packed body (4) packed body
body    = a frame of states in Arrow's IPC stream format; packed by LZ4
footer  = JSON: the shape of the frames, and for each partition the offset and the bytes of its blocks
"""

import io
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import lz4.block
import polars as pl

from fanfold_steps.columnar.shape import Shape
from fanfold_steps.runs import CorruptRun
from fanfold_storage.objects import Objects

BLOCK_ROWS = 1 << 16
Frames = Iterable[pl.DataFrame]
_HEADER = struct.Struct(">II")
_TRAILER = struct.Struct(">I4s")
_MAGIC = b"FFB1"
_FOOTER_GUESS = 64 << 10


def pack(segments: Iterable[Frames], shape: Shape | None) -> Iterator[bytes]:
    """A run's bytes in chunks, from its segments in order of the partitions; without a shape it is empty."""
    index: list[tuple[int, int]] = []
    offset = 0
    for segment in segments:
        start = offset
        for frame in filter(len, segment):
            for piece in frame.iter_slices(BLOCK_ROWS):
                data = _pack_block(piece)
                offset += len(data)
                yield data
        index.append((start, offset - start))
    footer = json.dumps({"shape": asdict(shape) if shape else None, "index": index}).encode()
    yield footer + _TRAILER.pack(len(footer), _MAGIC)


def read_segment(objects: Objects, key: str, size: int, partition: int) -> Iterator[tuple[pl.DataFrame, Shape]]:
    """One partition's frames of a run of `size` bytes, in order; an empty one if there are only others' partitions.

    Raises CorruptRun, NotFound.
    """
    footer = _read_footer(objects, key, size)
    start, length = footer["index"][partition]
    if footer["shape"] is None:
        return
    shape = Shape(**footer["shape"])
    if not length:
        yield pl.DataFrame(), shape
        return
    buffer = bytearray()
    for chunk in objects.read(key, start, start + length):
        buffer += chunk
        while len(buffer) >= _HEADER.size:
            packed, checksum = _HEADER.unpack_from(buffer)
            if len(buffer) < _HEADER.size + packed:
                break
            body = bytes(buffer[_HEADER.size : _HEADER.size + packed])
            del buffer[: _HEADER.size + packed]
            yield _unpack_block(body, checksum, key), shape
    if buffer:
        raise CorruptRun(f"{objects.url}{key} ends in the middle of a block")


def _read_footer(objects: Objects, key: str, size: int) -> dict[str, Any]:
    guess = min(size, _FOOTER_GUESS)
    tail = b"".join(objects.read(key, size - guess, size))
    length, magic = _TRAILER.unpack(tail[-_TRAILER.size :]) if len(tail) >= _TRAILER.size else (0, b"")
    if magic != _MAGIC:
        raise CorruptRun(f"{objects.url}{key} doesn't end like a run of frames")
    whole = length + _TRAILER.size
    if whole > len(tail):
        tail = b"".join(objects.read(key, size - whole, size))
    footer: dict[str, Any] = json.loads(tail[-whole : -_TRAILER.size])
    return footer


def _pack_block(frame: pl.DataFrame) -> bytes:
    plain = io.BytesIO()
    frame.write_ipc_stream(plain)
    body: bytes = lz4.block.compress(plain.getbuffer())
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def _unpack_block(body: bytes, checksum: int, key: str) -> pl.DataFrame:
    if zlib.crc32(body) != checksum:
        raise CorruptRun(f"a block of {key} has the wrong checksum: the store returned other bytes than were written")
    return pl.read_ipc_stream(lz4.block.decompress(body))
