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

from fanfold_steps.failure.permanent import NotOfUserCode
from fanfold_steps.failure.wording import shown
from fanfold_steps.memory.blocks import BlockLength
from fanfold_steps.memory.process import memory_advice
from fanfold_steps.sorting import framed
from fanfold_storage.objects import Objects


class Unpicklable(NotOfUserCode):
    """A value that can't be pickled for the next step."""


Item = tuple[bytes, Any]
"""An encoded key and its value."""

BLOCK_BYTES = 256 << 10
BLOCK_VALUES = 65536
_FIRST_VALUES, _FEW_ITEMS = 1024, 16
_MAGIC = b"FFR1"
_Segment = tuple[int, int, int, list[tuple[int, int]]]


def pack(segments: Iterable[Iterable[Item]], size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """A run's bytes in chunks, from its segments in the order of partitions; a block has about `size` bytes before
    compression."""
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
    """One partition's items of a run of `size` bytes, block by block. Raises CorruptRun, NotFound."""
    start, length, *_ = _read_index(objects, key, size)[partition]
    yield from _read_range(objects, key, start, start + length)


class WholeRun:
    """A run that is read from its beginning to its end."""

    def __init__(self, objects: Objects, key: str, size: int) -> None:
        self._read = (objects, key)
        self._index = _read_index(objects, key, size)
        self.records = sum(records for _, _, records, _ in self._index)

    def segments(self) -> Iterator[Iterator[list[Item]]]:
        """The blocks of each partition, which must be consumed before the next partition's are requested."""
        start, length, *_ = self._index[-1]
        blocks = _read_range(*self._read, 0, start + length)
        for _, _, _, stored in self._index:
            yield islice(blocks, len(stored))


def read_records(objects: Objects, key: str, size: int, first: int) -> Iterator[Item]:
    """The items of a run of one segment from number `first` on, without reading the blocks before."""
    start, length, _, blocks = _read_index(objects, key, size)[0]
    stop = start + length
    for stored, records in blocks:
        if first < records:
            break
        start += stored
        first -= records
    yield from islice(chain.from_iterable(_read_range(objects, key, start, stop)), first, None)


def count_records(objects: Objects, key: str, size: int) -> int:
    """The number of items in a run of one segment."""
    return _read_index(objects, key, size)[0][2]


def _read_range(objects: Objects, key: str, start: int, stop: int) -> Iterator[list[Item]]:
    """The blocks in a range of bytes."""
    return map(_unpacked, framed.read_bodies(objects, key, start, stop))


def _read_index(objects: Objects, key: str, size: int) -> list[_Segment]:
    index: list[_Segment] = framed.read_footer(objects, key, size, _MAGIC)
    return index


class _Packer:
    """Writes items in blocks, and learns from each how many items the next one takes for the requested size."""

    def __init__(self, size: int) -> None:
        self._length = BlockLength(size, _FIRST_VALUES, BLOCK_VALUES)  # of values, as an item may hold many

    def blocks(self, items: Iterator[Item]) -> Iterator[tuple[bytes, int]]:
        """Each block's bytes and how many items it holds."""
        while block := self._take(items):
            yield from self._packed(block)

    def _take(self, items: Iterator[Item]) -> list[Item]:
        """The items of the next block."""
        most = self._length.items
        block = list(islice(items, min(most, _FEW_ITEMS)))
        if not block or type(block[0][1]) is not list:
            return block + list(islice(items, most - len(block)))
        values = _count_values(block)
        while values < most:
            fitting = (most - values) * len(block) // (2 * values + 1)  # half, because the next may have more values
            if not (more := list(islice(items, max(fitting, _FEW_ITEMS)))):
                break
            values += _count_values(more)
            block += more
        return block

    def _packed(self, block: list[Item]) -> Iterator[tuple[bytes, int]]:
        plain = _pickled(block)
        if len(plain) > 4 * self._length.size and len(block) > 1:  # values are larger than before: halve the block
            for half in (block[: len(block) // 2], block[len(block) // 2 :]):
                yield from self._packed(half)
            return
        self._length.learn(max(_count_values(block), 1), len(plain))
        body: bytes = lz4.block.compress(plain)
        yield framed.header(body) + body, len(block)


def _count_values(items: list[Item]) -> int:
    if type(items[0][1]) is not list:
        return len(items)
    return sum([len(item[1]) if type(item[1]) is list else 1 for item in items])


def _pickled(items: list[Item]) -> bytes:
    try:
        return pickle.dumps(([item[0] for item in items], [item[1] for item in items]), protocol=5)
    except MemoryError as error:
        raise Unpicklable(f"not enough memory to pickle the values for the next step: {memory_advice()}") from error
    except Exception as error:  # an object's own pickling may raise anything
        message = f"a value can't be pickled for the next step: {error}. Emit plain data, not objects"
        raise Unpicklable(f"{message}{_of_unpicklable(items)}") from error


def _of_unpicklable(items: list[Item]) -> str:
    """The first value that can't be pickled, as the end of a message; empty if each can be by itself."""
    for _, held in items:
        for value in held if type(held) is list else [held]:
            try:
                pickle.dumps(value, protocol=5)
            except Exception:  # noqa: BLE001 — as above
                return f" (the value {shown(value)})"
    return ""


def _unpacked(body: bytes) -> list[Item]:
    try:
        keys, values = pickle.loads(lz4.block.decompress(body))  # noqa: S301 — written by the same job, checked above
    except Exception as error:
        raise Unpicklable(f"a pickled value can't be read back: {error}. Emit plain data, not objects") from error
    return list(zip(keys, values, strict=True))
