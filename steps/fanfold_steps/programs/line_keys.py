"""The keys by which the lines that a program writes are sorted and partitioned, and the form in which they are sent."""

import zlib
from collections.abc import Callable, Iterable
from functools import partial

from fanfold_steps.job.spec import FieldOrder, Program
from fanfold_steps.programs.field_order import comparison, find_separator, parse, part
from fanfold_steps.sorting.key_types.encoding import BYTES
from fanfold_steps.sorting.partitions import PLACE

KeyedLines = tuple[list[bytes], list[bytes]]
"""The encoded keys of lines, and the lines as they are sent, both without line breaks."""
FindKeys = Callable[[list[bytes]], KeyedLines]
"""Finds the keys of lines without line breaks."""

TAB = b"\t"


def keyed_by(program: Program | None, order: FieldOrder | None, partitions: int) -> FindKeys:
    """How to find the keys of a program's lines; without a program, of lines `key TAB value`. `partitions` is how many
    partitions an `order` distributes them over."""
    fields, separator = (program.key_fields, _bytes(program.separator)) if program else (1, TAB)
    joint = _bytes(program.joint) if program else TAB
    split = partial(_split, separator=separator, fields=fields, joint=joint)
    if order:
        return partial(_in_order, split=split, order=_Order(order, partitions))
    if separator != joint:
        return partial(_rejoined, split=split)
    return partial(_by_first, separator=separator) if fields == 1 else partial(_by_several, split=split)


def joined(program: Program, blocks: Iterable[bytes]) -> Iterable[bytes]:
    r"""A program's output, in blocks of whole lines, with the joint between key and value.

    >>> list(joined(Program("cat", separator=".", key_fields=2), [b"a.b.c\nd\n"]))
    [b'a.b\tc\nd\n']
    """
    separator, joint = _bytes(program.separator), _bytes(program.joint)
    if separator == joint:
        return blocks
    split = partial(_split, separator=separator, fields=program.key_fields, joint=joint)
    return (b"".join([split(line)[1] + b"\n" for line in block.split(b"\n")[:-1]]) for block in blocks)


def _by_first(lines: list[bytes], separator: bytes) -> KeyedLines:
    return [BYTES + line.partition(separator)[0] for line in lines], lines


def _by_several(lines: list[bytes], split: Callable[[bytes], tuple[bytes, bytes]]) -> KeyedLines:
    return [BYTES + split(line)[0] for line in lines], lines


def _rejoined(lines: list[bytes], split: Callable[[bytes], tuple[bytes, bytes]]) -> KeyedLines:
    pairs = [split(line) for line in lines]
    return [BYTES + key for key, _ in pairs], [line for _, line in pairs]


def _in_order(lines: list[bytes], split: Callable[[bytes], tuple[bytes, bytes]], order: "_Order") -> KeyedLines:
    pairs = [split(line) for line in lines]
    return [order.encoded(key, line) for key, line in pairs], [line for _, line in pairs]


def _split(line: bytes, separator: bytes, fields: int, joint: bytes) -> tuple[bytes, bytes]:
    """A line's key, and the line as it is sent."""
    end = find_separator(line, separator, fields)
    if end < 0:
        return line, line
    key = line[:end]
    return key, line if separator == joint else key + joint + line[end + len(separator) :]


class _Order:
    def __init__(self, order: FieldOrder, partitions: int) -> None:
        separator = _bytes(order.separator)
        self._compared = comparison(parse(order.sort), separator)
        self._parts = [part(key, separator) for key in parse(order.partition)]
        self._partitions = partitions
        self._by_line = order.by_line

    def encoded(self, key: bytes, line: bytes) -> bytes:
        """The bytes by which a line is sorted: its partition's number, its key and, with `by_line`, the rest of it."""
        chosen = b"\0".join([cut(key) for cut in self._parts]) if self._parts else key
        place = PLACE.pack(zlib.crc32(chosen) % self._partitions)
        rest = line[len(key) :] + b"\n" if self._by_line else b""
        return BYTES + place + self._compared(key) + rest


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
