"""The keys of rows: what each is sorted and partitioned by, and numbers that sort like them."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import polars as pl

from fanfold_steps.formats.separated.frames import Texts
from fanfold_steps.formats.stand_ins import escaped, unescaped
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.key_types.encoding import TEXT
from fanfold_steps.sorting.partitions import by_hash

_HEAD = 8  # bytes of a number
_CHANGES = [
    pl.Series(
        [zlib.crc32(bytes([byte, *bytes(behind)])) ^ zlib.crc32(bytes(behind + 1)) for byte in range(256)],
        dtype=pl.UInt32,
    )
    for behind in range(_HEAD - 1)
]
"""By how many bytes follow it, what each byte changes in a checksum."""
_ZEROS = pl.Series([zlib.crc32(TEXT + bytes(length)) for length in range(_HEAD)], dtype=pl.UInt32)
_SHIFTS = pl.Series([256 ** (_HEAD - 1 - length) for length in range(_HEAD)], dtype=pl.UInt64)


def with_normal(
    frame: pl.DataFrame, columns: Sequence[str], normal: Callable[[str], str], is_normal: str, texts: Texts
) -> pl.DataFrame:
    """A frame with what its rows are sorted by, in "k0", …, unless that is the columns themselves."""
    if texts is Texts.STAND_INS:
        found = [_normal(frame[name], lambda text: escaped(normal(unescaped(text))), is_normal) for name in columns]
    else:
        found = [_normal(frame[name], normal, is_normal) for name in columns]
    if all(other is None for other in found):
        return frame
    named = zip(columns, found, strict=True)
    return frame.with_columns(
        (frame[name] if other is None else other).alias(f"k{at}") for at, (name, other) in enumerate(named)
    )


def _normal(texts: pl.Series, normal: Callable[[str], str], is_normal: str) -> pl.Series | None:
    """What texts are sorted by; None if that is themselves."""
    odd = ~texts.str.contains(is_normal)
    if not odd.any():
        return None
    distinct = texts.filter(odd).unique()
    others = pl.Series([normal(text) for text in distinct.to_list()], dtype=pl.String)
    differ = distinct != others
    return texts.replace(distinct.filter(differ), others.filter(differ)) if differ.any() else None


def sorted_by(frame: pl.DataFrame, columns: Sequence[str]) -> list[pl.Series]:
    """The columns that rows are sorted by."""
    return [frame[f"k{at}"] for at in range(len(columns))] if "k0" in frame.columns else [frame[one] for one in columns]


def partitions(columns: list[pl.Series], count: int, texts: Texts) -> pl.Series:
    """The partition of each row: that of its key as a record's."""
    if len(columns) == 1 and texts is not Texts.STAND_INS:
        if (longest := _longest(columns[0])) < _HEAD:
            return _checksums(columns[0], longest) % count
        return pl.Series(by_hash(count, TEXT)(columns[0].cast(pl.Binary).to_list()), dtype=pl.UInt32)
    return pl.Series(by_hash(count)(map(keys.encode, key_values(columns, texts))), dtype=pl.UInt32)


def key_values(columns: list[pl.Series], texts: Texts) -> Iterator[Any]:
    """The keys of rows as records have them: a text, or a tuple of several."""
    lists = [column.to_list() for column in columns]
    if texts is Texts.STAND_INS:
        lists = [list(map(unescaped, held)) for held in lists]
    return iter(lists[0]) if len(lists) == 1 else zip(*lists, strict=True)


Numbers = tuple[pl.Series, pl.Series]


def numbered(lefts: list[pl.Series], rights: list[pl.Series]) -> Numbers:
    """A number for each row of two tables: equal where the columns are, and otherwise in their order."""
    if len(lefts) == 1 and all(_longest(columns[0]) < _HEAD for columns in (lefts, rights)):
        return _numbers(lefts[0]), _numbers(rights[0])
    names = [str(at) for at in range(len(lefts))]
    frames = [
        pl.DataFrame([one.alias(name) for name, one in zip(names, columns, strict=True)]) for columns in (lefts, rights)
    ]
    distinct = pl.concat(frames, rechunk=False).unique().sort(names).with_row_index("number")
    left, right = (frame.join(distinct, on=names, how="left", maintain_order="left")["number"] for frame in frames)
    return left, right


def _numbers(texts: pl.Series) -> pl.Series:
    return texts.to_frame("text").select(_short(pl.col("text")))["text"]


def _longest(texts: pl.Series) -> int:
    return cast(int, texts.str.len_bytes().max() or 0)


def _checksums(texts: pl.Series, longest: int) -> pl.Series:
    """The CRC-32 of keys that are texts of at most seven bytes.

    The checksum of a text is that of as many zeros, and for each byte a number that depends on how many follow it: all
    of these combined by exclusive or.
    """
    length, at_right = pl.col("length"), pl.col("at right")
    text = pl.col("text")
    frame = texts.to_frame("text").select(length=text.str.len_bytes(), number=_short(text) // 256)
    frame = frame.select(length, (pl.col("number") // pl.lit(_SHIFTS).gather(length)).alias("at right"))
    found = pl.lit(_ZEROS).gather(length)
    for behind in range(longest):
        found ^= pl.lit(_CHANGES[behind]).gather(at_right // 256**behind & 0xFF)
    return frame.select(found.alias("found"))["found"]


def _short(text: pl.Expr) -> pl.Expr:
    """Texts of at most seven bytes as numbers: the bytes, zeros, and how many bytes there are."""
    padded = text.cast(pl.Binary) + pl.lit(bytes(_HEAD))
    heads = padded.bin.slice(0, _HEAD).bin.reinterpret(dtype=pl.UInt64, endianness="big")
    return heads | text.str.len_bytes().cast(pl.UInt64)
