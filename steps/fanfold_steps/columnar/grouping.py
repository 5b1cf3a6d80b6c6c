"""Grouping: frames of rows or of states become one frame of states, a row for each key, within a bound of memory."""

from collections.abc import Callable
from typing import Literal

import polars as pl

from fanfold_steps.columnar.aggregations.by_name import column
from fanfold_steps.columnar.shape import Kinds, Shape
from fanfold_steps.job.spec import Aggregate
from fanfold_steps.memory.budget import Budget, resident

GROUP_ROWS = 1 << 17  # rows that wait before they are grouped; many more don't fit into a processor's caches
MERGE_ROWS = 1 << 20  # states that wait before they are merged
Reduce = dict[str, Aggregate]
_BY_ORDER = {"First", "Last", "Collect"}  # they need the rows of a group in order, as one engine alone promises


class Grouping:
    """How frames of one shape are aggregated."""

    def __init__(self, shape: Shape, reduce: Reduce) -> None:
        self.shape = shape
        self.keys = list(shape.keys)
        self._columns = [column(name, one, shape.values[name]) for name, one in reduce.items()]
        ordered = any(one.aggregate in _BY_ORDER for one in reduce.values())
        self.result_kinds: Kinds = {**shape.keys, **{one.name: one.result_kind for one in self._columns}}
        self._engine: Literal["in-memory", "streaming"] = "in-memory" if ordered else "streaming"

    def of_rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """States of the user's rows, in any order."""
        groups = self._grouped(rows, [one.gather(rows) for one in self._columns])
        return groups.with_columns([one.fold(groups[one.name]) for one in self._columns])

    def of_states(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        """States merged, one a key, in any order. Those of a key stand in input order."""
        for one in self._columns:
            frames = one.aligned(frames)
        states = concatenated(frames)
        groups = self._grouped(states, [one.merge(states) for one in self._columns])
        return groups.with_columns([one.fold_states(groups[one.name]) for one in self._columns])

    def results(self, states: pl.DataFrame) -> pl.DataFrame:
        """What is written for each key, in the `result_kinds`."""
        return states.with_columns([one.result(states[one.name]).alias(one.name) for one in self._columns])

    def sorted(self, states: pl.DataFrame) -> pl.DataFrame:
        """In the order of the keys."""
        return states.sort(self.keys, nulls_last=False) if states.height else states

    def _grouped(self, frame: pl.DataFrame, gathered: list[pl.Expr]) -> pl.DataFrame:
        return frame.lazy().group_by(self.keys).agg(gathered).collect(engine=self._engine)


class Accumulator:
    """Takes in frames in input order and groups them now and then, so that states of each key are kept once.

    When those outgrow the memory, they go to `spill`, and it starts empty.
    """

    def __init__(self, reduce: Reduce, budget: Budget, spill: Callable[["Accumulator"], None]) -> None:
        self._reduce = reduce
        self._budget = budget
        self._bare = resident()
        self._spill = spill
        self._grouping: Grouping | None = None
        self._rows: list[pl.DataFrame] = []
        self._states: list[pl.DataFrame] = []
        self._rows_at_once = GROUP_ROWS
        self._waiting = self._grouped = self._bytes = 0

    def add_rows(self, frame: pl.DataFrame, shape: Shape) -> None:
        """Take in what the user's function returned."""
        self._add(self._rows, frame, shape)
        if self._grouping and sum(rows.height for rows in self._rows) >= self._rows_at_once:
            self._group_rows(self._grouping)

    def add_states(self, frame: pl.DataFrame, shape: Shape) -> None:
        """Take in states that come later in the input than all before, or their shape alone if there are none."""
        self._add(self._states, frame, shape)

    def take(self) -> tuple[Grouping, pl.DataFrame] | None:
        """The states of all that came since the last call, in any order of keys; None if nothing ever came."""
        if self._grouping is None:
            return None
        if not self._rows and not self._states:
            return self._grouping, pl.DataFrame()
        self._group(self._grouping)
        (states,), self._states, self._grouped = self._states, [], 0
        return self._grouping, states

    def _add(self, waiting: list[pl.DataFrame], frame: pl.DataFrame, shape: Shape) -> None:
        if self._grouping is None or self._grouping.shape != shape:
            shape = self._grouping.shape.with_(shape) if self._grouping else shape
            self._grouping = Grouping(shape, self._reduce)
        if frame.height:
            waiting.append(frame)
            self._waiting += frame.height
            self._bytes += int(frame.estimated_size())
        if self._waiting >= max(MERGE_ROWS, self._grouped) or self._bytes > self._budget.share // 8:
            self._group(self._grouping)
            if self._budget.is_full(4 * int(self._states[0].estimated_size()), self._bare):  # merging makes copies
                self._spill(self)

    def _group_rows(self, grouping: Grouping) -> None:
        rows, self._rows = concatenated(self._rows), []
        self._states.append(grouping.of_rows(rows))
        self._waiting += self._states[-1].height - rows.height
        if self._states[-1].height > rows.height * 3 // 4:  # as when the user's function groups, too: let more wait
            self._rows_at_once = MERGE_ROWS
        self._bytes += int(self._states[-1].estimated_size()) - int(rows.estimated_size())

    def _group(self, grouping: Grouping) -> None:
        if self._rows:
            self._group_rows(grouping)
        if len(self._states) > 1:
            self._states = [grouping.of_states(self._states)]
        self._waiting, self._bytes, self._grouped = 0, 0, self._states[0].height


def concatenated(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One after the other; nulls and narrow numbers take the type of the others."""
    if len(frames) == 1:
        return frames[0]
    return pl.concat([frame.select(frames[0].columns) for frame in frames], how="vertical_relaxed")
