"""Find the most frequent words or lines (--param k=10, --param of=lines).

They are written to one part, the most frequent first; equally frequent ones in alphabetical order.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field

from fanfold import Context, Job, Stage, Sum

Counted = tuple[str, int]


class Params(BaseModel):
    """How many to find, and of what."""

    k: int = Field(default=10, ge=1, le=1_000_000, description="how many to find")
    of: Literal["words", "lines"] = Field(default="words", description="words (separated by white space) or lines")


class Items:
    """Emits a line's words, or the line."""

    def start(self, ctx: Context) -> None:
        """Read the parameters."""
        self._lines = ctx.params.of == "lines"

    def __call__(self, line: str) -> Iterator[tuple[str, int]]:
        """Each item with the count 1."""
        for item in [line] if self._lines else line.split():
            yield item, 1


def under_one_key(pair: Counted) -> Iterator[tuple[None, Counted]]:
    """All pairs under the same key."""
    yield None, pair


def first_of_split(key: Any, pairs: Iterable[Counted], ctx: Context) -> Iterator[tuple[Any, Counted]]:
    """A partial selection: the most frequent ones of a split."""
    for pair in _first(pairs, ctx):
        yield key, pair


def first(key: Any, pairs: Iterable[Counted], ctx: Context) -> Iterator[Counted]:
    """The most frequent ones, in order."""
    yield from _first(pairs, ctx)


def _first(pairs: Iterable[Counted], ctx: Context) -> list[Counted]:
    return heapq.nsmallest(ctx.params.k, pairs, key=lambda pair: (-pair[1], pair[0]))


job = Job(
    "topk",
    stages=[
        Stage(map=Items, reduce=Sum()),
        Stage(map=under_one_key, combine=first_of_split, reduce=first, partitions=1),
    ],
    params=Params,
)
