"""The most frequent words, or lines (--param k=10, --param of=lines).

They come in one part, the most frequent first; of equally frequent ones the first in the order of text.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field

from fanfold import Context, Job, Stage, Sum

Counted = tuple[str, int]


class Params(BaseModel):
    """How many of what."""

    k: int = Field(default=10, ge=1, le=1_000_000, description="how many")
    of: Literal["words", "lines"] = Field(default="words", description="words (what white space separates) or lines")


class Items:
    """Gives a line's words, or the line."""

    def start(self, ctx: Context) -> None:
        """Take the parameters."""
        self._lines = ctx.params.of == "lines"

    def __call__(self, line: str) -> Iterator[tuple[str, int]]:
        """What is counted."""
        for item in [line] if self._lines else line.split():
            yield item, 1


def together(pair: Counted) -> Iterator[tuple[None, Counted]]:
    """All under one key."""
    yield None, pair


def most(key: Any, pairs: Iterable[Counted], ctx: Context) -> Iterator[tuple[Any, Counted]]:
    """Those that may be among the first."""
    for pair in _first(pairs, ctx):
        yield key, pair


def first(key: Any, pairs: Iterable[Counted], ctx: Context) -> Iterator[Counted]:
    """The most frequent, in order."""
    yield from _first(pairs, ctx)


def _first(pairs: Iterable[Counted], ctx: Context) -> list[Counted]:
    return heapq.nsmallest(ctx.params.k, pairs, key=lambda pair: (-pair[1], pair[0]))


job = Job(
    "topk",
    stages=[Stage(map=Items, reduce=Sum()), Stage(map=together, combine=most, reduce=first, partitions=1)],
    params=Params,
)
