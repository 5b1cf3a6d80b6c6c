"""Runs: the file that a map task writes, a sorted segment for each partition, read back by ranges.

A framed file (`framed.py`), "FFR1":

    body    = pickle of (encoded keys, values), keys ascending; packed by LZ4
    footer  = JSON: for each partition the offset, the bytes and the records of its blocks, and of each block the bytes
              and the records

A reducer reads its segment of every run: one small read for the footer, one for the blocks.
"""

import pickle
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import lz4.block

from fanfold_steps import framed
from fanfold_steps.failure import NotOfUserCode
from fanfold_storage.objects import Objects


class Unpicklable(NotOfUserCode):
    """A value that can't be carried to the next step."""


Item = tuple[bytes, Any]
"""An encoded key and its value."""

BLOCK_BYTES = 256 << 10
BLOCK_VALUES = 65536
_FIRST_VALUES, _FEW_ITEMS = 1024, 16
_MAGIC = b"FFR1"


_Segment = tuple[int, int, int, list[tuple[int, int]]]


def pack(segments: Iterable[Iterable[Item]], size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """A run's bytes in chunks, from its segments in order of the partitions; in blocks of about `size` plain bytes."""
    index: list[_Segment] = []
    offset = 0
    packer = _Packer(size)
    for segment in segments:
        start, records, blocks = offset, 0, []
        for data, count in packer.blocks(iter(segment)):
            records += count
            offset += len(data)
            blocks.append((len(data), count))
            yield data
        index.append((start, offset - start, records, blocks))
    yield framed.footer(index, _MAGIC)


def read_segment(objects: Objects, key: str, size: int, partition: int) -> Iterator[Item]:
    """One partition's items of a run of `size` bytes, in order. Raises CorruptRun, NotFound."""
    return chain.from_iterable(read_blocks(objects, key, size, partition))


def read_blocks(objects: Objects, key: str, size: int, partition: int) -> Iterator[list[Item]]:
    """The same, block by block."""
    start, length, *_ = _read_index(objects, key, size)[partition]
    yield from _read_range(objects, key, start, start + length)


class WholeRun:
    """A run that is read from its beginning to its end."""

    def __init__(self, objects: Objects, key: str, size: int) -> None:
        self._read = (objects, key)
        self._index = _read_index(objects, key, size)
        self.records = sum(records for _, _, records, _ in self._index)

    def segments(self) -> Iterator[Iterator[list[Item]]]:
        """Each partition's blocks; to be used up before the next partition's are asked for."""
        start, length, *_ = self._index[-1]
        blocks = _read_range(*self._read, 0, start + length)
        for _, _, _, stored in self._index:
            yield islice(blocks, len(stored))


def read_records(objects: Objects, key: str, size: int, first: int) -> Iterator[Item]:
    """The items of a run of one segment from a number on, without reading those before."""
    start, length, _, blocks = _read_index(objects, key, size)[0]
    stop = start + length
    for stored, records in blocks:
        if first < records:
            break
        start += stored
        first -= records
    yield from islice(chain.from_iterable(_read_range(objects, key, start, stop)), first, None)


def count_records(objects: Objects, key: str, size: int) -> int:
    """How many items a run of one segment holds."""
    return _read_index(objects, key, size)[0][2]


def _read_range(objects: Objects, key: str, start: int, stop: int) -> Iterator[list[Item]]:
    """The blocks from one's beginning to another's."""
    return map(_unpacked, framed.read_bodies(objects, key, start, stop))


def _read_index(objects: Objects, key: str, size: int) -> list[_Segment]:
    index: list[_Segment] = framed.read_footer(objects, key, size, _MAGIC)
    return index


class _Packer:
    """Packs items into blocks, and learns from each how many make one of the size that is wanted."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values = _FIRST_VALUES

    def blocks(self, items: Iterator[Item]) -> Iterator[tuple[bytes, int]]:
        """Each block's bytes and how many items it holds."""
        while block := self._take(items):
            yield from self._packed(block)

    def _take(self, items: Iterator[Item]) -> list[Item]:
        """Items that hold so many values in all."""
        most = self._values
        block = list(islice(items, min(most, _FEW_ITEMS)))
        if not block or type(block[0][1]) is not list:
            return block + list(islice(items, most - len(block)))
        values = _count_values(block)
        while values < most:
            fitting = (most - values) * len(block) // (2 * values + 1)  # half, as the next may have more
            if not (more := list(islice(items, max(fitting, _FEW_ITEMS)))):
                break
            values += _count_values(more)
            block += more
        return block

    def _packed(self, block: list[Item]) -> Iterator[tuple[bytes, int]]:
        plain = _pickled(block)
        if len(plain) > 4 * self._size and len(block) > 1:  # larger values than before: in halves
            for half in (block[: len(block) // 2], block[len(block) // 2 :]):
                yield from self._packed(half)
            return
        fitting = max(_count_values(block), 1) * self._size // len(plain)
        self._values = max(1, min(fitting, 4 * self._values, BLOCK_VALUES))
        body: bytes = lz4.block.compress(plain)
        yield framed.header(body) + body, len(block)


def _count_values(items: list[Item]) -> int:
    if type(items[0][1]) is not list:
        return len(items)
    return sum([len(item[1]) if type(item[1]) is list else 1 for item in items])


def _pickled(items: list[Item]) -> bytes:
    try:
        return pickle.dumps(([item[0] for item in items], [item[1] for item in items]), protocol=5)
    except Exception as error:  # an object's own pickling may raise anything
        message = f"a value can't be carried to the next step: {error}. Give plain data, not objects"
        raise Unpicklable(message) from error


def _unpacked(body: bytes) -> list[Item]:
    try:
        keys, values = pickle.loads(lz4.block.decompress(body))  # noqa: S301 — written by the same job, checked above
    except Exception as error:
        raise Unpicklable(f"a value doesn't come back from pickling: {error}. Give plain data, not objects") from error
    return list(zip(keys, values, strict=True))
