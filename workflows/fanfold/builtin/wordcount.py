"""Count words: what white space separates, as it is written."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fanfold import Job, Sum

if TYPE_CHECKING:
    import polars as pl

_SPACES = [*"\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000", *map(chr, range(0x2000, 0x200B))]
"""What `str.split` takes for white space, beside the space and the end of a line."""


def words(line: str) -> Iterator[tuple[str, int]]:
    """Each word of a line, once for each time it stands there."""
    for word in line.split():
        yield word, 1


def words_in_columns(lines: "pl.DataFrame") -> "pl.DataFrame":
    """The same for a frame of lines. Only words are looked at for rarer spaces, when each is there but once."""
    import polars as pl

    word, n = pl.col("word"), pl.col("n")
    pieces = lines.lazy().select(word=pl.col("line").str.split(" ")).explode("word")
    counts = pieces.group_by("word").agg(n=pl.len().cast(pl.Int64)).filter(word != "").collect(engine="streaming")
    spaced = counts["word"].str.contains_any(_SPACES)
    if not spaced.any():
        return counts
    plain, odd = counts.filter(~spaced), counts.filter(spaced)
    parts = odd.with_columns(word.str.replace_many(_SPACES, [" "] * len(_SPACES)).str.split(" ")).explode("word")
    return pl.concat([plain, parts.filter(word != "").select(word, n)])


job = Job("wordcount", map=words, reduce=Sum())
