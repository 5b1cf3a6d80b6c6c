"""Lines in a column of Polars: read from text, cut into ranges, sorted, and written as text. They may hold any bytes.

Polars holds UTF-8 only, which sorts like its bytes. If some lines aren't UTF-8, each byte becomes the Latin-1 character
of its value; the order is the same.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import polars as pl

_HEAD = 8
_MOSTLY = 0.9  # of the heads must differ, or sorting twice costs more than it saves
Encoding = Literal["utf-8", "latin-1"]


@dataclass(frozen=True, slots=True)
class LineColumn:
    """Lines, and the encoding that maps their characters to bytes."""

    lines: pl.Series
    encoding: Encoding = "utf-8"

    @classmethod
    def of(cls, blocks: Iterable[bytes]) -> "LineColumn":
        r"""The lines of blocks of whole lines; the last one needn't end with a line break. A CR stays part of its line.

        >>> LineColumn.of([b"b\r\n\n", b"a"]).lines.to_list()
        ['b\r', '', 'a']
        """
        blocks = list(blocks)
        try:
            return cls(_read(blocks, "utf-8"))
        except UnicodeDecodeError:
            return cls(_read(blocks, "latin-1"), "latin-1")

    def __len__(self) -> int:
        return len(self.lines)

    def sorted(self) -> "LineColumn":
        """The lines sorted by their bytes."""
        heads = _heads(self.lines)
        different = cast(int, heads.approx_n_unique())
        if different < len(heads) * _MOSTLY:
            return replace(self, lines=self.lines.sort())
        return replace(self, lines=_by_heads(self.lines, heads))

    def ranges(self, boundaries: list[bytes]) -> "list[LineColumn]":
        r"""The lines below the first boundary, those from there to below the second, and so on, in their old order.

        >>> [some.lines.to_list() for some in LineColumn.of([b"p\na\ng\nb\n"]).ranges([b"b", b"h"])]
        [['a'], ['g', 'b'], ['p']]
        """
        try:
            bounds = [boundary.decode(self.encoding) for boundary in boundaries]
        except UnicodeDecodeError:
            return LineColumn(_read(list(self.text(1 << 20)), "latin-1"), "latin-1").ranges(boundaries)
        return [replace(self, lines=some) for some in _ranges(self.lines, bounds)]

    def text(self, size: int) -> Iterator[bytes]:
        r"""The lines as text, in blocks of about `size` bytes.

        >>> list(LineColumn.of([b"a\nb\n\nc"]).text(4))
        [b'a\nb\n', b'\nc\n']
        """
        in_all = int(self.lines.str.len_bytes().sum()) + len(self)
        rows = max(1, size * len(self) // max(1, in_all))
        for some in self.lines.to_frame().iter_slices(rows):
            written = io.BytesIO()
            some.write_csv(written, include_header=False, separator="\x01", quote_style="never")
            data = written.getvalue()
            yield data if self.encoding == "utf-8" else data.decode().encode(self.encoding)


def _read(blocks: list[bytes], encoding: Encoding) -> pl.Series:
    return pl.concat([pl.Series("line", [], pl.String), *(_lines(block, encoding) for block in blocks)], rechunk=False)


def _lines(data: bytes, encoding: Encoding) -> pl.Series:
    if encoding == "utf-8" and b"\r" not in data:  # which Polars would remove
        try:
            return pl.read_lines(b"\n" + data, name="line")["line"][1:]  # or `x^A` would be taken for compressed data
        except pl.exceptions.ComputeError:
            pass  # decoding it below says what is wrong
    return pl.Series("line", [data.removesuffix(b"\n").decode(encoding)]).str.split("\n").explode()


def _heads(lines: pl.Series) -> pl.Series:
    """The first eight bytes of each line after the prefix that all lines share, as a number. The numbers sort like the
    lines, except that different lines may have the same one."""
    least, most = str(lines.min()).encode(), str(lines.max()).encode()
    shared = next((at for at, (one, other) in enumerate(zip(least, most, strict=False)) if one != other), 0)
    padded = pl.col("line").cast(pl.Binary).bin.slice(shared, _HEAD) + pl.lit(bytes(_HEAD))
    number = padded.bin.slice(0, _HEAD).bin.reinterpret(dtype=pl.UInt64, endianness="big")
    return lines.to_frame().select(number)["line"]


def _by_heads(lines: pl.Series, heads: pl.Series) -> pl.Series:
    """Sort lines by their heads, which is several times as fast; only lines with equal heads are compared as text."""
    ordered = pl.DataFrame([lines, heads.alias("head")]).sort("head")
    lines, heads = ordered["line"], ordered["head"]
    same = (heads == heads.shift(1)).fill_null(False)
    tied = same | same.shift(-1, fill_value=False)
    return lines.scatter(tied.arg_true(), lines.filter(tied).sort()) if tied.any() else lines


def _ranges(lines: pl.Series, boundaries: list[str]) -> list[pl.Series]:
    if not boundaries:
        return [lines]
    middle = len(boundaries) // 2
    below = lines < boundaries[middle]
    least, most = lines.filter(below), lines.filter(~below)
    return _ranges(least, boundaries[:middle]) + _ranges(most, boundaries[middle + 1 :])
