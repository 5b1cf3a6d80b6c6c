"""How one column is aggregated: rows to a state per key, several states of a key to one, states to results.

`gather` and `merge` return expressions that Polars evaluates for each group. Where an aggregation needs Python, they
collect a list for each group, and `fold` and `fold_states` turn the lists into states.
"""

from abc import ABC, abstractmethod

import polars as pl


class ColumnAggregation(ABC):
    """The aggregation of the column `name`, whose values are of the kind `kind` (`shape.Kinds`)."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    @property
    def result_kind(self) -> str:
        """The kind of the results."""
        return self.kind

    @abstractmethod
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        """One value for each group of rows: its state, or what `fold` takes. `frame` holds the rows of all groups.

        Raises:
            PermanentFailure: the aggregation can't take a value.
        """

    @abstractmethod
    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        """One value for each group of states, which are in input order: the merged state, or what `fold_states` takes.

        `frame` holds the states of all groups.
        """

    def fold(self, gathered: pl.Series) -> pl.Series:
        """A state for each row of what `gather` collected."""
        return gathered

    def fold_states(self, gathered: pl.Series) -> pl.Series:
        """A state for each row of what `merge` collected."""
        return gathered

    def aligned(self, frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
        """The frames with this column cast to one common type, so that they can be concatenated."""
        return frames

    def result(self, states: pl.Series) -> pl.Series:
        """A result for each state, of the kind `result_kind`. Raises PermanentFailure: a result is out of range."""
        return states
