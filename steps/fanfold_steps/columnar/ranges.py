"""States in the order of their keys, whatever memory there is.

What doesn't fit is written to disk in ranges of keys. Each range is then sorted by itself; one that still doesn't fit
is cut into ranges again. The bounds are those of a sample, first of what came first, then of all that lies in a range.
"""

from collections.abc import Iterator
from functools import reduce
from itertools import count
from typing import Any

import polars as pl

from fanfold_steps.columnar.grouping import Accumulator, Grouping, Reduce, concatenated
from fanfold_steps.columnar.shape import Shape
from fanfold_steps.columnar.spills import FrameSpills
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch

RANGES = 32  # at most, into which states are cut at once
SAMPLED = 1024  # one of so many states is in the sample of its range
Row = tuple[Any, ...]


class StateSorter:
    """Sorts a task's states."""

    def __init__(self, reduce: Reduce, budget: Budget, scratch: Scratch) -> None:
        self._reduce = reduce
        self._budget = budget
        self._scratch = scratch
        self._numbers = count()

    def sorted(
        self, frames: Iterator[tuple[pl.DataFrame, Shape]], sample: pl.DataFrame | None = None
    ) -> Iterator[tuple[Grouping, pl.DataFrame]]:
        """States that come in input order, in the order of their keys, one a key; `sample` holds some of the keys."""
        ranges = _Ranges(FrameSpills(self._scratch, f"ranges-{next(self._numbers)}"), sample)
        accumulator = Accumulator(self._reduce, self._budget, ranges.spill)
        for frame, shape in frames:
            accumulator.add_states(frame, shape)
        if not ranges.spills:
            if found := accumulator.take():
                grouping, states = found
                yield grouping, grouping.sorted(states)
            return
        ranges.spill(accumulator)
        for number, keys in enumerate(ranges.samples()):
            yield from self.sorted(((frame, ranges.shape) for frame in ranges.spills.read(number)), keys)
        ranges.spills.remove()


class _Ranges:
    """States on disk, by ranges of their keys."""

    def __init__(self, spills: FrameSpills, sample: pl.DataFrame | None) -> None:
        self.spills = spills
        self.shape = Shape({}, {})
        self._sample = sample
        self._bounds = [] if sample is None else _bounds(sample)
        self._is_one_key = sample is not None and not self._bounds
        self._samples: list[list[pl.DataFrame]] = []

    def spill(self, full: Accumulator) -> None:
        """Write what is held; states of a single key have to fit, and stay."""
        if self._is_one_key:
            return
        found = full.take_unmerged()
        assert found
        grouping, states = found
        self.shape = grouping.shape
        if not states.height:
            return
        keys = states.select(grouping.keys)
        if self._sample is None:
            self._sample = keys.gather_every(1 + keys.height // (SAMPLED * RANGES))
            self._bounds = _bounds(self._sample)
        parts = _cut(states, self._bounds, self._sample.schema)
        self._samples.append([part.select(grouping.keys).gather_every(SAMPLED) for part in parts])
        self.spills.write(self.shape, parts)

    def samples(self) -> list[pl.DataFrame]:
        """Some of the keys of each range."""
        return [concatenated(list(samples)) for samples in zip(*self._samples, strict=True)]


def _bounds(sample: pl.DataFrame) -> list[Row]:
    """The keys up to which ranges of about equal size reach, but for the last one, which has no bound."""
    keys = sample.sort(sample.columns, nulls_last=False)
    ends = [keys.row(number * keys.height // RANGES) for number in range(1, RANGES)] if keys.height else []
    return [end for end in dict.fromkeys(ends) if end != keys.row(-1)]


def _cut(states: pl.DataFrame, bounds: list[Row], keys: pl.Schema) -> list[pl.DataFrame]:
    """The states of each range, in their old order. `keys` are the columns of the key, in the types of the bounds."""
    if not bounds or not states.height:
        return [states] * (len(bounds) + 1)
    middle = len(bounds) // 2
    is_below = states.select(_up_to(bounds[middle], keys))[:, 0]
    below, above = states.filter(is_below), states.filter(~is_below)
    return _cut(below, bounds[:middle], keys) + _cut(above, bounds[middle + 1 :], keys)


def _up_to(bound: Row, keys: pl.Schema) -> pl.Expr:
    """Whether a row's key is the bound's or comes before it; nulls come first."""

    def with_next(rest: pl.Expr, of: tuple[Any, tuple[str, pl.DataType]]) -> pl.Expr:
        value, (name, dtype) = of
        one, limit = pl.col(name), pl.lit(value, dtype=dtype)
        before = pl.lit(value is not None) & (one.is_null() | (one < limit).fill_null(False))
        return before | (one.eq_missing(limit) & rest)

    return reduce(with_next, reversed(list(zip(bound, keys.items(), strict=True))), pl.lit(True))
