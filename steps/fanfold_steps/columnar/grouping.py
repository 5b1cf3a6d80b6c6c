"""Grouping: frames of rows or of states become one frame of states, a row for each key, within a bound of memory."""

from collections.abc import Callable
from typing import Literal

import polars as pl

from fanfold_steps.columnar.aggregations.by_name import column
from fanfold_steps.columnar.shape import Kinds, Shape
from fanfold_steps.columnar.sizes import size_of
from fanfold_steps.job.spec import Aggregate
from fanfold_steps.memory.budget import Budget, resident

GROUP_ROWS = 1 << 17  # rows that wait before they are grouped; many more don't fit into a processor's caches
MERGE_ROWS = 1 << 21  # states that wait before they are merged
SHRUNK = 0.75  # of the rows or states that were grouped; if more remain, grouping is hardly worth its time
COPIES = 8  # of what is held, with all that Polars takes beside them while it groups or cuts it
TRIES = 4  # every so often, states that hardly shrank are merged once more before they are spilled
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
        states = self.joined(frames)
        groups = self._grouped(states, [one.merge(states) for one in self._columns])
        return groups.with_columns([one.fold_states(groups[one.name]) for one in self._columns])

    def joined(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        """States one after the other, in common types."""
        for one in self._columns:
            frames = one.aligned(frames)
        return concatenated(frames) if frames else pl.DataFrame()

    def results(self, states: pl.DataFrame) -> pl.DataFrame:
        """What is written for each key, in the `result_kinds`."""
        return states.with_columns([one.result(states[one.name]).alias(one.name) for one in self._columns])

    def sorted(self, states: pl.DataFrame) -> pl.DataFrame:
        """In the order of the keys."""
        if not states.height:
            return states
        if len(self.keys) > 1 or states.schema[self.keys[0]] != pl.Binary:
            return states.sort(self.keys, nulls_last=False)
        head = _heads(states[self.keys[0]]).alias("".join(states.columns) + "'")
        headed = pl.DataFrame([head, *states.iter_columns()])
        return headed.sort(head.name, *self.keys, nulls_last=False).drop(head.name)

    def _grouped(self, frame: pl.DataFrame, gathered: list[pl.Expr]) -> pl.DataFrame:
        return frame.lazy().group_by(self.keys).agg(gathered).collect(engine=self._engine)


def _heads(keys: pl.Series) -> pl.Series:
    """The first eight bytes of each key after the prefix that all share, as a number: of two that differ, the lesser
    is the lesser key's. They are compared several times as fast."""
    least, greatest = keys.min() or b"", keys.max() or b""
    assert isinstance(least, bytes) and isinstance(greatest, bytes)
    shared = next((at for at, (one, other) in enumerate(zip(least, greatest, strict=False)) if one != other), 0)
    key = pl.first().bin.slice(shared, 8)
    if (keys.bin.size() < shared + 8).any():
        key = (key + pl.lit(bytes(8))).bin.slice(0, 8)
    return keys.to_frame().select(key.bin.reinterpret(dtype=pl.UInt64, endianness="big"))[:, 0]


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
        self._merges = True
        self._waiting = self._grouped = self._bytes = self._spilled = 0

    def add_rows(self, frame: pl.DataFrame, shape: Shape) -> None:
        """Take in what the user's function returned."""
        self._add(self._rows, frame, shape)
        if self._grouping and sum(rows.height for rows in self._rows) >= self._rows_at_once:
            self._group_rows(self._grouping)

    def add_states(self, frame: pl.DataFrame, shape: Shape) -> None:
        """Take in states that come later in the input than all before, or their shape alone if there are none."""
        self._add(self._states, frame, shape)

    def take(self) -> tuple[Grouping, pl.DataFrame] | None:
        """The states of all that came since the last call, one a key, in any order; None if nothing ever came."""
        if self._grouping is not None:
            self._group_rows(self._grouping)
            self._merge(self._grouping)
        return self.take_unmerged()

    def take_unmerged(self) -> tuple[Grouping, pl.DataFrame] | None:
        """The same, in input order; a key may come more than once where merging would hardly shrink them."""
        if self._grouping is None:
            return None
        self._group_rows(self._grouping)
        states, self._states = self._states, []
        self._waiting = self._grouped = self._bytes = 0
        return self._grouping, self._grouping.joined(states)

    def _add(self, waiting: list[pl.DataFrame], frame: pl.DataFrame, shape: Shape) -> None:
        if self._grouping is None or self._grouping.shape != shape:
            shape = self._grouping.shape.with_(shape) if self._grouping else shape
            self._grouping = Grouping(shape, self._reduce)
        if frame.height:
            waiting.append(frame)
            self._waiting += frame.height
            self._bytes += size_of(frame)
        if self._waiting >= max(MERGE_ROWS, self._grouped) or self._bytes > self._budget.share // 16:
            self._group_rows(self._grouping)
            if self._merges:
                self._merge(self._grouping)
            self._waiting = self._bytes = 0
            if self._is_full():
                self._make_room(self._grouping)

    def _is_full(self) -> bool:
        held = sum(map(size_of, self._states))
        return self._budget.is_full(COPIES * held, self._bare)

    def _make_room(self, grouping: Grouping) -> None:
        """Spill, unless there is much to merge after all, which is found out now and then."""
        if not self._merges and self._spilled % TRIES == 0:
            self._merge(grouping)
        if not self._merges or self._is_full():
            self._spill(self)
            self._spilled += 1

    def _group_rows(self, grouping: Grouping) -> None:
        if not self._rows:
            return
        rows, self._rows = concatenated(self._rows), []
        self._states.append(states := grouping.of_rows(rows))
        self._waiting += states.height - rows.height
        self._bytes += size_of(states) - size_of(rows)
        if states.height <= rows.height * SHRUNK:
            self._merges = True
        else:  # as when the user's function groups, too: let more wait
            self._rows_at_once = MERGE_ROWS

    def _merge(self, grouping: Grouping) -> None:
        """Merge what has come into one state a key. If that shrinks it little, what comes next is left to the end."""
        if len(self._states) > 1:
            before = sum(states.height for states in self._states)
            self._states = [grouping.of_states(self._states)]
            self._merges = self._states[0].height <= before * SHRUNK
        self._grouped = self._states[0].height if self._states else 0


def concatenated(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One after the other; nulls and narrow numbers take the type of the others."""
    if len(frames) == 1:
        return frames[0]
    return pl.concat([frame.select(frames[0].columns) for frame in frames], how="vertical_relaxed")
