"""Count words: whatever white space separates, without changing case."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fanfold import Job, Sum
from fanfold_steps.user_code.twins import columnar_twin

if TYPE_CHECKING:
    import polars as pl

_SPACES = [*"\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000", *map(chr, range(0x2000, 0x200B))]
"""What `str.split` treats as white space, besides the space and line ends."""
LONG = 1 << 20  # characters
_WORD = re.compile(r"\S+")


@columnar_twin("words_in_columns")
def words(line: str) -> Iterator[tuple[str, int]]:
    """Each word of a line with the count 1, once per occurrence."""
    if len(line) > LONG:  # a list of all its words would take many times its memory
        yield from ((found[0], 1) for found in _WORD.finditer(line))
        return
    for word in line.split():
        yield word, 1


def words_in_columns(lines: "pl.DataFrame") -> "pl.DataFrame":
    """The same for a frame of lines. Rare kinds of white space are only looked for in the distinct words."""
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
