"""Framed files: what all kinds of runs have in common, whatever their blocks hold.

    file   = block* footer length-of-footer (4 bytes) CRC-32 of the footer (4) magic (4)
    block  = length (4) CRC-32 of the body (4) body
    footer = JSON: where the blocks of each segment lie

A reader gets the footer with one small read, and from it the range of the blocks that it needs.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from fanfold_storage.errors import StorageError
from fanfold_storage.objects import Objects

_HEADER = struct.Struct(">II")
_TRAILER = struct.Struct(">II4s")
_FOOTER_GUESS = 64 << 10
_CHANGED = "has the wrong checksum: the store returned other bytes than were written"
HEADER_BYTES = _HEADER.size


class CorruptRun(StorageError):
    """A run's bytes aren't those that were written; the task that reads them fails and is tried again."""


def header(body: bytes) -> bytes:
    """The header of a block with this body."""
    return _HEADER.pack(len(body), zlib.crc32(body))


def footer(index: Any, magic: bytes) -> bytes:
    """A file's last bytes: `index` is stored as JSON, `magic` identifies the kind of run."""
    data = json.dumps(index).encode()
    return data + _TRAILER.pack(len(data), zlib.crc32(data), magic)


def read_footer(objects: Objects, key: str, size: int, magic: bytes) -> Any:
    """The index of a file of `size` bytes. Raises CorruptRun, NotFound."""
    guess = min(size, _FOOTER_GUESS)
    tail = b"".join(objects.read(key, size - guess, size))
    length, checksum, kind = _TRAILER.unpack(tail[-_TRAILER.size :]) if len(tail) >= _TRAILER.size else (0, 0, b"")
    whole = length + _TRAILER.size
    if kind != magic or whole > size:
        raise CorruptRun(f"{objects.url}{key} doesn't end like a run of its kind ({magic.decode()})")
    if whole > len(tail):
        tail = b"".join(objects.read(key, size - whole, size))
    data = tail[-whole : -_TRAILER.size]
    if zlib.crc32(data) != checksum:
        raise CorruptRun(f"the footer of {objects.url}{key} {_CHANGED}")
    return json.loads(data)


def read_bodies(objects: Objects, key: str, start: int, stop: int) -> Iterator[bytes]:
    """The bodies of the blocks in a range of bytes, each checked. Raises CorruptRun, NotFound."""
    if start == stop:
        return
    chunks = _Chunks(objects.read(key, start, stop))
    while head := chunks.take(_HEADER.size):
        length, checksum = _HEADER.unpack(head) if len(head) == _HEADER.size else (1, 0)
        body = chunks.take(length)
        if len(body) < length:
            raise CorruptRun(f"{objects.url}{key} ends in the middle of a block")
        if zlib.crc32(body) != checksum:
            raise CorruptRun(f"a block of {objects.url}{key} {_CHANGED}")
        yield body


class _Chunks:
    """Cuts a stream of chunks into given lengths; each byte is copied once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def take(self, length: int) -> bytes:
        """The next `length` bytes; fewer at the end of the stream."""
        parts = []
        while length:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    break
            parts.append(self._rest[:length])
            self._rest = self._rest[length:]
            length -= len(parts[-1])
        return b"".join(parts)
