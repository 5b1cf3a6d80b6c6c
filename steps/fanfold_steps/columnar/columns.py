"""Aggregations in columns: from rows to a state for each key, from states to one state, from states to results.

Each gives what the aggregation of the same name gives for records. Where Polars has exact arithmetic for it, that is
used; elsewhere the very same Python code folds the values of a key, and its states travel pickled.
"""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import reduce
from typing import Any, cast

import polars as pl

from fanfold_steps.aggregations import Aggregation, Mean, build
from fanfold_steps.aggregations.exact import quotient
from fanfold_steps.columnar.exact import bins_of, exact, sums
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.spec import Aggregate

_ORDERED = {"Min", "Max", "TopK", "Distinct", "CountDistinct"}
_NUMERIC = {"Sum", "Mean", "Variance"}
_COMPARABLE = ("null", "bool", "int", "float", "text", "bytes")


class Column(ABC):
    """How one column is aggregated."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    @abstractmethod
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        """A group's rows as a state, or as what `fold` takes."""

    @abstractmethod
    def merge(self) -> pl.Expr:
        """A group's states, in input order, as one, or as what `fold_states` takes."""

    def fold(self, gathered: pl.Series) -> pl.Series:
        """States of what was gathered."""
        return gathered

    def fold_states(self, gathered: pl.Series) -> pl.Series:
        """States of what was merged."""
        return gathered

    def result(self, states: pl.Series) -> pl.Series:
        """Results of states."""
        return states


def column(name: str, aggregate: Aggregate, kind: str) -> Column:
    """The columnar form of an aggregation over values of a kind.

    Raises:
        PermanentFailure: it doesn't take such values.
    """
    called = aggregate.aggregate
    if called in _NUMERIC and kind not in ("bool", "int", "float", "null"):
        raise PermanentFailure(
            "mapper", f"{called}() takes whole numbers and floats, but the column {name!r} is {kind}"
        )
    if called in _ORDERED and kind not in _COMPARABLE:
        what = f"{called}() takes values that can be put in order"
        raise PermanentFailure("mapper", f"{what}, but the column {name!r} holds {kind}: cast it to text or numbers")
    if called in ("Sum", "Mean") and kind in ("bool", "int", "null"):
        return _WholeSum(name, kind) if called == "Sum" else _WholeMean(name, kind)
    if called in ("Sum", "Mean"):
        return _FloatSum(name, kind, build(aggregate))
    if called in _NUMERIC:
        return _Folded(name, kind, build(aggregate))
    if called == "TopK":
        return _Top(name, kind, aggregate.arguments[0])
    plain: Column = _PLAIN[called](name, kind)
    return plain


class _WholeSum(Column):
    """Whole numbers add up in 128 bits, which no job can fill with numbers of 64."""

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return _sum(frame, self.name)

    def merge(self) -> pl.Expr:
        return pl.col(self.name).sum()


class _WholeMean(Column):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.struct(sum=_sum(frame, self.name), count=pl.len().cast(pl.Int64)).alias(self.name)

    def merge(self) -> pl.Expr:
        state = pl.col(self.name).struct
        return pl.struct(sum=state.field("sum").sum(), count=state.field("count").sum()).alias(self.name)

    def result(self, states: pl.Series) -> pl.Series:
        means = [quotient(state["sum"], state["count"]) for state in states.to_list()]
        return pl.Series(self.name, means, dtype=pl.Float64)


class _Count(Column):
    """Counts rows: nulls too, as for records, and without a column of its name."""

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.len().cast(pl.Int64).alias(self.name)

    def merge(self) -> pl.Expr:
        return pl.col(self.name).sum()


class _First(Column):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).first()

    def merge(self) -> pl.Expr:
        return pl.col(self.name).first()


class _Last(Column):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).last()

    def merge(self) -> pl.Expr:
        return pl.col(self.name).last()


class _Ordered(Column):
    """Compares values."""

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        if self.kind == "float" and frame[self.name].is_nan().any():
            raise PermanentFailure("mapper", f"NaN has no place in an order (column {self.name!r}): leave it out")
        return self.of_rows()

    @abstractmethod
    def of_rows(self) -> pl.Expr:
        """A group's rows as a state."""


class _Min(_Ordered):
    """Nothing comes before null."""

    def of_rows(self) -> pl.Expr:
        one = pl.col(self.name)
        return pl.when(one.null_count() == 0).then(one.min()).alias(self.name)

    def merge(self) -> pl.Expr:
        return self.of_rows()


class _Max(_Ordered):
    def of_rows(self) -> pl.Expr:
        return pl.col(self.name).max()

    def merge(self) -> pl.Expr:
        return self.of_rows()


class _Top(_Ordered):
    def __init__(self, name: str, kind: str, n: int) -> None:
        super().__init__(name, kind)
        self._n = n

    def of_rows(self) -> pl.Expr:
        return self._top(pl.col(self.name))

    def merge(self) -> pl.Expr:
        return self._top(pl.col(self.name).explode())

    def _top(self, values: pl.Expr) -> pl.Expr:
        return values.sort(descending=True, nulls_last=True).head(self._n)


class _Distinct(_Ordered):
    def of_rows(self) -> pl.Expr:
        return pl.col(self.name).unique()

    def merge(self) -> pl.Expr:
        return pl.col(self.name).explode().unique()

    def result(self, states: pl.Series) -> pl.Series:
        return states.list.sort(nulls_last=False)


class _CountDistinct(_Distinct):
    def result(self, states: pl.Series) -> pl.Series:
        return states.list.len().cast(pl.Int64)


class _Collect(Column):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name)

    def merge(self) -> pl.Expr:
        return pl.col(self.name).explode()


class _Folded(Column):
    """Folds the values of a key by the aggregation that records have, one by one."""

    def __init__(self, name: str, kind: str, aggregation: Aggregation) -> None:
        super().__init__(name, kind)
        self._aggregation = aggregation

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        _refuse_nulls(frame, self.name)
        return pl.col(self.name)

    def merge(self) -> pl.Expr:
        return pl.col(self.name)

    def fold(self, gathered: pl.Series) -> pl.Series:
        start, step = self._aggregation.start, self._aggregation.fold
        return self._packed(reduce(step, values, start()) for values in gathered.to_list())

    def fold_states(self, gathered: pl.Series) -> pl.Series:
        return self._packed(reduce(self._aggregation.merge, map(_unpacked, states)) for states in gathered.to_list())

    def result(self, states: pl.Series) -> pl.Series:
        results = [self._aggregation.result(_unpacked(state)) for state in states.to_list()]
        return pl.Series(self.name, results, dtype=pl.Float64)

    def _packed(self, states: Iterable[Any]) -> pl.Series:
        return pl.Series(self.name, [pickle.dumps(state, protocol=5) for state in states], dtype=pl.Binary)


class _FloatSum(_Folded):
    """Sum and mean of floats, added up exactly by columns where their powers of two lie near each other."""

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        by_rows = super().gather(frame)
        bins = bins_of(frame[self.name])
        return by_rows if bins is None else sums(self.name, bins)

    def fold(self, gathered: pl.Series) -> pl.Series:
        if gathered.dtype != pl.Struct:
            return super().fold(gathered)
        states = gathered.to_list()
        if isinstance(self._aggregation, Mean):
            return self._packed([state["count"], exact(state)] for state in states)
        return self._packed(map(exact, states))


def _unpacked(state: bytes) -> Any:
    return pickle.loads(state)  # noqa: S301 — written by the same job


def _sum(frame: pl.DataFrame, name: str) -> pl.Expr:
    _refuse_nulls(frame, name)
    values = frame[name]
    if values.dtype == pl.Boolean:
        return pl.col(name).cast(pl.Int64).sum().cast(pl.Int128)
    low, high = cast(int, values.min()), cast(int, values.max())
    largest = max(abs(low), abs(high)) if len(values) else 0
    if largest >> 64:
        raise PermanentFailure("mapper", f"the column {name!r} holds {largest}: sums take numbers of 64 bits")
    fits = largest * len(values) < 1 << 63
    return pl.col(name).sum().cast(pl.Int128) if fits else pl.col(name).cast(pl.Int128).sum()


def _refuse_nulls(frame: pl.DataFrame, name: str) -> None:
    if frame[name].null_count():
        raise PermanentFailure("mapper", f"the column {name!r} holds nulls, which have no sum: fill or drop them")


_PLAIN: dict[str, type[Any]] = {
    "Count": _Count,
    "Min": _Min,
    "Max": _Max,
    "First": _First,
    "Last": _Last,
    "Distinct": _Distinct,
    "CountDistinct": _CountDistinct,
    "Collect": _Collect,
}
