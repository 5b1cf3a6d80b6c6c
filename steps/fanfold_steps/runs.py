"""Runs: the file that a map task writes, a sorted segment for each partition, read back by ranges.

    file    = block* footer length-of-footer (4 bytes) "FFR1"
    block   = length (4) CRC-32 of the packed body (4) packed body
    body    = pickle of (encoded keys, values), keys ascending; packed by LZ4
    footer  = JSON: for each partition the offset, the bytes and the records of its blocks

A reducer reads its segment of every run: one small read for the footer, one for the blocks.
"""

import json
import pickle
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import lz4.block

from fanfold_storage.errors import StorageError
from fanfold_storage.objects import Objects


class Unpicklable(Exception):
    """A value that can't be carried from mapper to reducer."""


Item = tuple[bytes, Any]
"""An encoded key and its value."""

BLOCK_RECORDS, BLOCK_VALUES = 8192, 65536
_FEW_RECORDS = 16
_HEADER = struct.Struct(">II")
_TRAILER = struct.Struct(">I4s")
_MAGIC = b"FFR1"
_FOOTER_GUESS = 64 << 10


class CorruptRun(StorageError):
    """A run's bytes are not what was written; the task that reads them fails and is tried again."""


def pack(segments: Iterable[Iterable[Item]]) -> Iterator[bytes]:
    """A run's bytes in chunks, from its segments in order of the partitions."""
    index: list[tuple[int, int, int]] = []
    offset = 0
    for segment in segments:
        start, records = offset, 0
        items = iter(segment)
        while block := _next_block(items):
            data = _pack_block(block)
            records += len(block)
            offset += len(data)
            yield data
        index.append((start, offset - start, records))
    footer = json.dumps(index).encode()
    yield footer + _TRAILER.pack(len(footer), _MAGIC)


def read_segment(objects: Objects, key: str, size: int, partition: int) -> Iterator[Item]:
    """One partition's items of a run of `size` bytes, in order. Raises CorruptRun, NotFound."""
    start, length, _ = _read_index(objects, key, size)[partition]
    if not length:
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
            yield from _unpack_block(body, checksum, key)
    if buffer:
        raise CorruptRun(f"{objects.url}{key} ends in the middle of a block")


def _read_index(objects: Objects, key: str, size: int) -> list[tuple[int, int, int]]:
    guess = min(size, _FOOTER_GUESS)
    tail = b"".join(objects.read(key, size - guess, size))
    length, magic = _TRAILER.unpack(tail[-_TRAILER.size :]) if len(tail) >= _TRAILER.size else (0, b"")
    if magic != _MAGIC:
        raise CorruptRun(f"{objects.url}{key} doesn't end like a run")
    whole = length + _TRAILER.size
    if whole > len(tail):
        tail = b"".join(objects.read(key, size - whole, size))
    index: list[tuple[int, int, int]] = json.loads(tail[-whole : -_TRAILER.size])
    return index


def _next_block(items: Iterator[Item]) -> list[Item]:
    """Items up to so many records, or so many values where they hold lists of them."""
    block = list(islice(items, _FEW_RECORDS))
    if not block or type(block[0][1]) is not list:
        return block + list(islice(items, BLOCK_RECORDS - _FEW_RECORDS))
    values = sum(len(item[1]) for item in block if type(item[1]) is list)
    while len(block) < BLOCK_RECORDS and values < BLOCK_VALUES and (more := list(islice(items, _FEW_RECORDS))):
        values += sum(len(item[1]) for item in more if type(item[1]) is list)
        block += more
    return block


def _pack_block(items: list[Item]) -> bytes:
    try:
        plain = pickle.dumps(tuple(zip(*items, strict=True)), protocol=5)
    except Exception as error:  # an object's own pickling may raise anything
        raise Unpicklable(f"a value can't be carried to the reducer: {error}. Give plain data, not objects") from error
    body: bytes = lz4.block.compress(plain)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def _unpack_block(body: bytes, checksum: int, key: str) -> Iterator[Item]:
    if zlib.crc32(body) != checksum:
        raise CorruptRun(f"a block of {key} has the wrong checksum: the store returned other bytes than were written")
    try:
        keys, values = pickle.loads(lz4.block.decompress(body))  # noqa: S301 — written by the same job, checked above
    except Exception as error:
        raise Unpicklable(f"a value doesn't come back from pickling: {error}. Give plain data, not objects") from error
    return zip(keys, values, strict=True)
