"""A Parquet file taken apart into row groups and put together from them, by its footer; what they hold is Polars's.

file   = "PAR1" row-group* (indexes, filters) footer length-of-footer (4 bytes, little-endian) "PAR1"
footer = FileMetaData: 2 schema, 3 rows, 4 row groups: {1 columns: {2 offset, 3: {7 bytes, 9 10 11 offsets of pages,
         14 of a filter}, 4 6 offsets of indexes}, 3 rows, 5 offset}     (parquet.thrift)
"""

import struct
from dataclasses import dataclass

from fanfold_steps.formats import thrift
from fanfold_steps.formats.thrift import I16, I64, LIST, STRUCT, Struct

MAGIC = b"PAR1"
TAIL = 8
_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET = 1, 3, 5
_META, _PACKED_BYTES, _PAGES = 3, 7, (9, 10, 11)
_DATA_PAGE, _DICTIONARY_PAGE = 9, 11
_ELSEWHERE = (4, 5, 6, 7)  # of a column: indexes, which lie behind the row groups and are left out
_FILTER = (14, 15)  # of its metadata: likewise


class Malformed(ValueError):
    """This isn't a Parquet file, or a broken one."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group as the footer tells of it: where its bytes begin and stop, how many rows it has."""

    start: int
    stop: int
    rows: int
    _group: Struct

    def moved(self, by: int) -> Struct:
        """What a footer says of it when it lies elsewhere."""
        _, columns = self._group[_COLUMNS][1]
        group = {**self._group, _COLUMNS: (LIST, (STRUCT, [_moved(column, by) for column in columns]))}
        if _GROUP_OFFSET in group:
            group[_GROUP_OFFSET] = (I64, group[_GROUP_OFFSET][1] + by)
        return group


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file's end says of the rest."""

    _meta: Struct

    @classmethod
    def read(cls, data: bytes) -> "Footer":
        """A footer from its bytes. Raises Malformed."""
        try:
            return cls(thrift.loads(data))
        except (IndexError, ValueError, RecursionError) as error:
            raise Malformed(f"its footer can't be read: {error}") from error

    @property
    def groups(self) -> list[RowGroup]:
        """The row groups, in order. Raises Malformed."""
        try:
            return [_row_group(group) for group in self._meta[_GROUPS][1][1]]
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed(f"its footer lacks what it should say of row groups ({error})") from error

    def end(self, groups: list[Struct], rows: int) -> bytes:
        """The end of a file that has these row groups instead: footer, length, magic."""
        meta = {**self._meta, _ROWS: (I64, rows), _GROUPS: (LIST, (STRUCT, groups))}
        data = thrift.dumps(meta)
        return data + struct.pack("<I", len(data)) + MAGIC


def footer_length(tail: bytes) -> int:
    """The footer's length, from a file's last eight bytes. Raises Malformed."""
    if len(tail) < TAIL or tail[4:] != MAGIC:
        raise Malformed("it doesn't end like a Parquet file")
    return int(struct.unpack("<I", tail[:4])[0])


def numbered(group: Struct, number: int) -> Struct:
    """A row group with its number in the file, where it has one."""
    return {**group, 7: (I16, number)} if 7 in group else group


def _row_group(group: Struct) -> RowGroup:
    spans = []
    for column in group[_COLUMNS][1][1]:
        meta = column[_META][1]
        first = meta[_DICTIONARY_PAGE if meta.get(_DICTIONARY_PAGE, (0, 0))[1] else _DATA_PAGE][1]
        spans.append((min(first, meta[_DATA_PAGE][1]), meta[_PACKED_BYTES][1]))
    start = min(first for first, _ in spans)
    return RowGroup(start, max(first + size for first, size in spans), group[_GROUP_ROWS][1], group)


def _moved(column: Struct, by: int) -> Struct:
    meta = {number: field for number, field in column[_META][1].items() if number not in _FILTER}
    for number in _PAGES:
        if meta.get(number, (0, 0))[1]:
            meta[number] = (I64, meta[number][1] + by)
    moved = {number: field for number, field in column.items() if number not in _ELSEWHERE}
    offset = moved.get(2, (0, 0))[1]
    return {**moved, 2: (I64, offset + by if offset else 0), _META: (STRUCT, meta)}
