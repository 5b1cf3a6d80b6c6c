"""The columnar aggregations: each returns what the aggregation of the same name returns for records.

They use Polars where its arithmetic is exact; elsewhere the code that records use folds the values of a key.
"""

from abc import abstractmethod
from collections.abc import Callable

import polars as pl

from fanfold_steps.aggregations import build
from fanfold_steps.columnar.aggregations.folds import FloatSum, Folded
from fanfold_steps.columnar.aggregations.protocol import ColumnAggregation
from fanfold_steps.columnar.aggregations.sums import WholeMean, WholeSum
from fanfold_steps.columnar.physical import kind_name
from fanfold_steps.columnar.shape import ORDERED
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import Aggregate

_COMPARING = {"Min", "Max", "TopK", "Distinct", "CountDistinct"}
_NUMBERS = ("null", "bool", "int", "float")
_ADDED = {"Sum": (*_NUMBERS, "decimal", "timedelta"), "Mean": (*_NUMBERS, "decimal", "timedelta"), "Variance": _NUMBERS}
"""The aggregations that add up values, each with the names of the kinds that it takes."""


def column(name: str, aggregate: Aggregate, kind: str) -> ColumnAggregation:
    """The columnar form of an aggregation over values of a kind.

    Raises:
        PermanentFailure: it doesn't take such values.
    """
    called = aggregate.aggregate
    if called in _ADDED:
        return _adding(name, aggregate, kind)
    if called in _COMPARING and kind_name(kind) not in ORDERED:
        what = f"{called}() takes values that can be put in order"
        raise PermanentFailure("mapper", f"{what}, but the column {name!r} holds {kind}: cast it to text or numbers")
    if called == "TopK":
        return _Top(name, kind, aggregate.arguments[0])
    return _PLAIN[called](name, kind)


def _adding(name: str, aggregate: Aggregate, kind: str) -> ColumnAggregation:
    called = aggregate.aggregate
    if kind_name(kind) not in _ADDED[called]:
        takes = "integers and floats" if called == "Variance" else "integers, floats, decimals and durations"
        raise PermanentFailure(
            "mapper", f"{called}() takes {takes}, but the column {name!r} is {kind}: cast it to one of these"
        )
    if called == "Variance":
        return Folded(name, kind, build(aggregate))
    if kind == "float":
        return FloatSum(name, kind, build(aggregate))
    return WholeSum(name, kind) if called == "Sum" else WholeMean(name, kind)


class _Count(ColumnAggregation):
    """Counts rows, including nulls, as for records. No column bears its name."""

    result_kind = "int"

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.len().cast(pl.Int64).alias(self.name)

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).sum()


class _First(ColumnAggregation):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).first()

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).first()


class _Last(ColumnAggregation):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).last()

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).last()


class _Ordered(ColumnAggregation):
    """An aggregation that compares values, so it refuses NaN."""

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        if self.kind == "float" and frame[self.name].is_nan().any():
            raise PermanentFailure("mapper", f"NaN has no place in an order (column {self.name!r}): leave it out")
        return self.of_rows()

    @abstractmethod
    def of_rows(self) -> pl.Expr:
        """The state of a group of rows, which are known to be comparable."""


class _Min(_Ordered):
    """Null sorts first, so it is the minimum of a group that holds one."""

    def of_rows(self) -> pl.Expr:
        one = pl.col(self.name)
        return pl.when(one.null_count() == 0).then(one.min()).alias(self.name)

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return self.of_rows()


class _Max(_Ordered):
    def of_rows(self) -> pl.Expr:
        return pl.col(self.name).max()

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return self.of_rows()


class _Top(_Ordered):
    def __init__(self, name: str, kind: str, n: int) -> None:
        super().__init__(name, kind)
        self._n = n

    def of_rows(self) -> pl.Expr:
        return self._top(pl.col(self.name))

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return self._top(pl.col(self.name).explode())

    def _top(self, values: pl.Expr) -> pl.Expr:
        return values.sort(descending=True, nulls_last=True).head(self._n)


class _Distinct(_Ordered):
    def of_rows(self) -> pl.Expr:
        return pl.col(self.name).unique()

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).explode().unique()

    def result(self, states: pl.Series) -> pl.Series:
        return states.list.sort(nulls_last=False)


class _CountDistinct(_Distinct):
    result_kind = "int"

    def result(self, states: pl.Series) -> pl.Series:
        return states.list.len().cast(pl.Int64)


class _Collect(ColumnAggregation):
    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name)

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        return pl.col(self.name).explode()


_PLAIN: dict[str, Callable[[str, str], ColumnAggregation]] = {
    "Count": _Count,
    "Min": _Min,
    "Max": _Max,
    "First": _First,
    "Last": _Last,
    "Distinct": _Distinct,
    "CountDistinct": _CountDistinct,
    "Collect": _Collect,
}
