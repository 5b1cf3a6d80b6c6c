"""Sums, means and variances of floats: folded by the Python code that records use, or added up in bins (`exact.py`)."""

import pickle
from collections.abc import Iterable
from functools import reduce
from typing import Any

import polars as pl

from fanfold_steps.aggregations import Aggregation, Mean
from fanfold_steps.columnar.aggregations.exact import bins_of, exact, sums
from fanfold_steps.columnar.aggregations.protocol import ColumnAggregation
from fanfold_steps.columnar.aggregations.sums import refuse_nulls


class Folded(ColumnAggregation):
    """Folds the values of a key one by one with the aggregation for records; a state is a pickle in a binary column."""

    result_kind = "float"

    def __init__(self, name: str, kind: str, aggregation: Aggregation) -> None:
        super().__init__(name, kind)
        self._aggregation = aggregation

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        """A list of the group's values."""
        refuse_nulls(frame, self.name)
        return pl.col(self.name)

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        """A list of the group's pickled states."""
        return pl.col(self.name)

    def fold(self, gathered: pl.Series) -> pl.Series:
        """A pickled state for each list of values."""
        start, step = self._aggregation.start, self._aggregation.fold
        return self._packed(reduce(step, values, start()) for values in gathered.to_list())

    def fold_states(self, gathered: pl.Series) -> pl.Series:
        """A pickled state for each list of pickled states."""
        return self._packed(reduce(self._aggregation.merge, map(_unpacked, states)) for states in gathered.to_list())

    def result(self, states: pl.Series) -> pl.Series:
        """Floats."""
        results = [self._aggregation.result(_unpacked(state)) for state in states.to_list()]
        return pl.Series(self.name, results, dtype=pl.Float64)

    def _packed(self, states: Iterable[Any]) -> pl.Series:
        return pl.Series(self.name, [pickle.dumps(state, protocol=5) for state in states], dtype=pl.Binary)


class FloatSum(Folded):
    """The sum or mean of floats: added up exactly in columns where their exponents are close, otherwise folded."""

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        """A struct of the group's bins, or a list of its values."""
        by_rows = super().gather(frame)
        bins = bins_of(frame[self.name])
        return by_rows if bins is None else sums(self.name, bins)

    def fold(self, gathered: pl.Series) -> pl.Series:
        """A pickled state for each struct of bins, or for each list of values."""
        if gathered.dtype != pl.Struct:
            return super().fold(gathered)
        states = gathered.to_list()
        if isinstance(self._aggregation, Mean):
            return self._packed([state["count"], exact(state)] for state in states)
        return self._packed(map(exact, states))


def _unpacked(state: bytes) -> Any:
    return pickle.loads(state)  # noqa: S301 — written by the same job
