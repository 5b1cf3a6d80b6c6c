"""The partition of each row of a frame: that of its key as a record's (`sorting/partitions.py`)."""

import zlib
from collections.abc import Iterable
from functools import cache
from itertools import repeat

import polars as pl

from fanfold_steps.columnar.python import python_values
from fanfold_steps.columnar.shape import Kinds
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.key_types.encoding import TEXT, encode_int

PIECE_ROWS = 1 << 16  # whose keys are Python's objects at once


def partitions(frame: pl.DataFrame, kinds: Kinds, count: int) -> pl.Series:
    """The number of the partition of each row; `kinds` are those of the columns of the key."""
    checksums = [_checksums(piece, kinds) for piece in frame.select(kinds.keys()).iter_slices(PIECE_ROWS)]
    return pl.concat(checksums) % count


def _checksums(piece: pl.DataFrame, kinds: Kinds) -> pl.Series:
    """The CRC-32 of each row's encoded key."""
    column, columns = piece[:, 0], piece.iter_columns()
    is_one = len(kinds) == 1 and not column.null_count()
    if is_one and kinds[column.name] == "text":
        return _of_bytes(column.to_list(), TEXT)
    if is_one and column.dtype == pl.Int64 and kinds[column.name] == "int" and column.min() >= 0:  # type: ignore[operator]
        return _of_integers(column)
    values = [python_values(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
    return _of_bytes(map(keys.encode, values[0] if len(kinds) == 1 else zip(*values, strict=True)))


def _of_bytes(encoded: Iterable[bytes], begin: bytes = b"") -> pl.Series:
    return pl.Series(list(map(zlib.crc32, encoded, repeat(zlib.crc32(begin)))), dtype=pl.UInt32)


def _of_integers(numbers: pl.Series) -> pl.Series:
    """Of integers that aren't negative: those that take as many bytes begin alike, and then each byte changes the
    checksum by what its value and its place alone say."""
    checksums = pl.zeros(numbers.len(), dtype=pl.UInt32, eager=True)
    least, greatest = numbers.min(), numbers.max()
    assert isinstance(least, int) and isinstance(greatest, int)
    for size in range((least.bit_length() + 7) // 8, (greatest.bit_length() + 7) // 8 + 1):
        low, high = 1 << 8 * size >> 8, (1 << 8 * size) - 1
        places = numbers.is_between(low, min(high, (1 << 63) - 1)).arg_true()
        rest = numbers.gather(places)
        zeros = encode_int(high)[: -size or None] + bytes(size)
        found = pl.repeat(zlib.crc32(zeros), rest.len(), dtype=pl.UInt32, eager=True)
        for place in range(size):
            found = found ^ _changes(place).gather(rest % 256)
            rest = rest // 256
        checksums = checksums.scatter(places, found)
    return checksums


@cache
def _changes(place: int) -> pl.Series:
    """By which bits each value of a byte changes the CRC-32 of zeros, if so many bytes follow."""
    zeros = zlib.crc32(bytes(place + 1))
    return pl.Series([zlib.crc32(bytes([byte, *bytes(place)])) ^ zeros for byte in range(256)], dtype=pl.UInt32)
