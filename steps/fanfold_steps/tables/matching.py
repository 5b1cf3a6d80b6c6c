"""Which rows of two tables match, in the order in which records are joined, as numbers of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

from fanfold_steps.tables.keys import Numbers

LEAST_AT_ONCE = 1 << 20
"""Rows of a slice of what is joined."""


@dataclass(slots=True)
class Alone:
    """How many rows have had no match so far."""

    lefts: int = 0
    rights: int = 0


class Matching:
    """The matches of two tables in memory.

    `places` are numbers by which the rows of both are sorted, `texts` numbers that are equal where rows match, which
    only rows of the same place do.
    """

    def __init__(self, places: Numbers, texts: Numbers, keeps: tuple[bool, bool], alone: Alone) -> None:
        self._keeps = keeps
        self._alone = alone
        self._lefts = pl.DataFrame({"text": texts[0], "place": places[0]}).with_row_index("left")
        rights = pl.DataFrame({"text": texts[1], "place": places[1]}).with_row_index("right")
        self._rights = rights.sort("place", maintain_order=True)

    def pairs(self) -> Iterator[pl.DataFrame]:
        """The numbers of rows that belong together, in "left" and "right", null for none: each right row with the left
        ones that it matches; then the left rows of the place that match none."""
        matched = self._lefts["text"].is_in(self._rights["text"].unique().implode())
        self._alone.lefts += len(matched) - int(matched.sum())
        waiting = self._lefts.filter(~matched).sort("place", maintain_order=True) if self._keeps[0] else None
        for rights, next_place in self._slices():
            found = self._joined(rights)
            if waiting is not None:
                count = (
                    waiting.height if next_place is None else waiting["place"].search_sorted(next_place, side="left")
                )
                found = _with_alone(found, waiting[:count])
                waiting = waiting[count:]
            yield found.select("left", "right")

    def _joined(self, rights: pl.DataFrame) -> pl.DataFrame:
        lefts = self._lefts.select("text", "left")
        how: Literal["right", "inner"] = "right" if self._keeps[1] else "inner"
        found = lefts.join(rights, on="text", how=how, maintain_order="right_left")
        right = found["right"]
        different = int((right != right.shift(1)).sum()) + (1 if found.height else 0)
        self._alone.rights += found["left"].null_count() if self._keeps[1] else rights.height - different
        return found

    def _slices(self) -> Iterator[tuple[pl.DataFrame, int | None]]:
        """The right rows in slices whose matches fit into memory, each with the next one's first place."""
        rights, most = self._rights, max(LEAST_AT_ONCE, self._lefts.height, self._rights.height)
        if any(table["text"].n_unique() == table.height for table in sorted((self._lefts, rights), key=len)):
            yield rights, None
            return
        counts = self._lefts.group_by("text").agg(pl.len().cast(pl.Int64))
        matches = rights.join(counts, on="text", how="left", maintain_order="left")["len"].fill_null(1)
        slices = rights.group_by(matches.cum_sum() // most, maintain_order=True)
        ahead: pl.DataFrame | None = None
        for _, rows in slices:
            if ahead is not None:
                yield ahead, rows["place"][0]
            ahead = rows
        yield rights[:0] if ahead is None else ahead, None


def _with_alone(found: pl.DataFrame, lefts: pl.DataFrame) -> pl.DataFrame:
    """Matches, with left rows that have none behind the others of their place."""
    if not lefts.height:
        return found
    alone = lefts.select("left", pl.lit(None, pl.UInt32).alias("right"), "place")
    return pl.concat([found.select("left", "right", "place"), alone]).sort("place", maintain_order=True)
