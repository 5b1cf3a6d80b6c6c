"""What doesn't fit into memory: sorted runs of frames on disk, merged again bit by bit."""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import polars as pl

from fanfold_steps.columnar import runs as segments
from fanfold_steps.columnar.grouping import Grouping
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.merge import within_fan_in

Stream = Iterator[pl.DataFrame]
"""Sorted states, frame by frame."""


class FrameSpills:
    """A task's runs of frames on disk."""

    def __init__(self, scratch: Scratch, budget: Budget) -> None:
        self._scratch = scratch
        self._fan_in = budget.fan_in
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._sizes)

    def write(self, grouping: Grouping, partitioned: list[pl.DataFrame]) -> None:
        """Put one more run on disk: a sorted frame for each partition."""
        packed = segments.pack([[frame] for frame in partitioned], grouping.shape)
        self._sizes.append(self._scratch.spill(f"frames-{len(self._sizes)}.run", packed))

    def merged(self, grouping: Grouping, partition: int, last: pl.DataFrame) -> Stream:
        """A partition's states of all runs and of those that stayed in memory, sorted, a row for each key.

        More of them than the budget's fan-in are first merged in groups of neighbours on disk.
        """
        if not self._sizes:
            return iter([last])
        written = [self._read(f"frames-{number}.run", size, partition) for number, size in enumerate(self._sizes)]

        def stored(group: list[Stream], key: str) -> Stream:
            packed = segments.pack([_merged(grouping, group)], grouping.shape)
            return self._read(key, self._scratch.spill(key, packed), 0)

        return _merged(grouping, within_fan_in([*written, iter([last])], self._fan_in, stored))

    def _read(self, key: str, size: int, partition: int) -> Stream:
        return (frame for frame, _ in segments.read_segment(self._scratch.objects, key, size, partition))


def _merged(grouping: Grouping, streams: list[Stream]) -> Stream:
    """All states by key, a row for each key, in frames.

    The least of the heads' last keys bounds the rows that a round takes: no stream can yield a lesser key later, nor
    that very key, since a stream has a row for each key.
    """
    heads: list[pl.DataFrame | None] = [_next(stream) for stream in streams]
    while any(head is not None for head in heads):
        bound = min((head.select(grouping.keys).row(-1) for head in heads if head is not None), key=_order)
        taken = []
        for number, head in enumerate(heads):
            if head is None:
                continue
            below = head.select(_up_to(bound, head.select(grouping.keys)))[:, 0].sum()
            taken.append(head[:below])
            heads[number] = head[below:] if below < head.height else _next(streams[number])
        yield grouping.sorted(grouping.of_states(taken))


def _next(stream: Stream) -> pl.DataFrame | None:
    return next((frame for frame in stream if frame.height), None)


def _order(row: tuple[Any, ...]) -> bytes:
    return keys.encode(row)


def _up_to(bound: tuple[Any, ...], of: pl.DataFrame) -> pl.Expr:
    """Whether a row's key is the bound's or comes before it; nulls come first."""

    def with_next(rest: pl.Expr, at: int) -> pl.Expr:
        name, value = of.columns[at], bound[at]
        one, limit = pl.col(name), pl.lit(value, dtype=of.dtypes[at])
        before = pl.lit(value is not None) & (one.is_null() | (one < limit).fill_null(False))
        return before | (one.eq_missing(limit) & rest)

    return reduce(with_next, reversed(range(of.width)), pl.lit(True))
