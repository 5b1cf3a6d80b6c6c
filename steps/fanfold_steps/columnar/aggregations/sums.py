"""Exact sums and means of integers, and of the times, durations and decimals that integers stand for (`physical.py`).

Integers of 64 bits are added in 128, which no job can fill. If a column holds larger ones, each is split into its low
64 bits and the rest, and the states of the column are structs whose field `high` counts multiples of 2**64.
"""

from datetime import timedelta
from decimal import Decimal
from typing import cast

import polars as pl

from fanfold_steps.aggregations.exact import quotient
from fanfold_steps.columnar.aggregations.protocol import ColumnAggregation
from fanfold_steps.columnar.physical import kind_name
from fanfold_steps.failure.permanent import PermanentFailure

_WHOLE = ("bool", "int", "null")
_MICROSECONDS_PER = {"timedelta": 1, "timedelta(ns)": 1000}
_BITS = 64
_HIGH = pl.lit(1 << _BITS, dtype=pl.Int128)


class _Whole(ColumnAggregation):
    """An aggregation that adds up integers. A state is an Int128, or a struct with `sum` and, if wide, `high`."""

    def merge(self, frame: pl.DataFrame) -> pl.Expr:
        if not isinstance(dtype := frame.schema[self.name], pl.Struct):
            return pl.col(self.name).sum()
        state = pl.col(self.name).struct
        return pl.struct([state.field(field.name).sum() for field in dtype.fields]).alias(self.name)

    def aligned(self, frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
        """The frames, all with the field `high` if any has it."""
        if not any(_is_wide(frame.schema[self.name]) for frame in frames):
            return frames
        return [
            frame if _is_wide(frame.schema[self.name]) else frame.with_columns(self._widened(frame)) for frame in frames
        ]

    def _widened(self, frame: pl.DataFrame) -> pl.Expr:
        state, high = pl.col(self.name), pl.lit(0, dtype=pl.Int128).alias("high")
        if not isinstance(dtype := frame.schema[self.name], pl.Struct):
            return pl.struct([state.alias("sum"), high]).alias(self.name)
        total, *others = [state.struct.field(field.name) for field in dtype.fields]
        return pl.struct([total, high, *others]).alias(self.name)

    def _totals(self, states: pl.Series) -> list[int]:
        if not isinstance(states.dtype, pl.Struct):
            return states.to_list()
        return [state["sum"] + (state.get("high", 0) << _BITS) for state in states.to_list()]


class WholeSum(_Whole):
    """The sum of integers, or of what they stand for."""

    @property
    def result_kind(self) -> str:
        """The kind of the values; booleans add up to integers."""
        return "int" if self.kind in _WHOLE else self.kind

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        """The sum of the group, as an Int128 or as a struct of two halves. Raises PermanentFailure: nulls."""
        parts = _gathered(frame, self.name)
        return (pl.struct(parts) if len(parts) > 1 else parts[0]).alias(self.name)

    def result(self, states: pl.Series) -> pl.Series:
        """The sums, as Int128 or, if one of them doesn't fit, as text of decimal digits."""
        if kind_name(self.kind) != "timedelta" and not isinstance(states.dtype, pl.Struct):
            return states
        totals = self._totals(states)
        if kind_name(self.kind) == "timedelta":
            self._demand_durations(totals)
        if max(map(abs, totals)) >> 127:
            return pl.Series(self.name, map(str, totals), dtype=pl.String)
        return pl.Series(self.name, totals, dtype=pl.Int128)

    def _demand_durations(self, totals: list[int]) -> None:
        try:
            for total in (min(totals), max(totals)):
                timedelta(microseconds=total // _MICROSECONDS_PER[self.kind])
        except OverflowError as error:
            what = f"the sum of the timedeltas is longer than a timedelta can be (column {self.name!r})"
            raise PermanentFailure("mapper", what) from error


class WholeMean(_Whole):
    """The mean of integers, or of what they stand for."""

    @property
    def result_kind(self) -> str:
        """`float` for integers, else the kind without its details, as means have more decimal places than values."""
        return "float" if self.kind in _WHOLE else kind_name(self.kind)

    def gather(self, frame: pl.DataFrame) -> pl.Expr:
        """A struct of the group's sum, in one part or two, and `count`. Raises PermanentFailure: nulls."""
        count = pl.len().cast(pl.Int64).alias("count")
        return pl.struct([*_gathered(frame, self.name), count]).alias(self.name)

    def result(self, states: pl.Series) -> pl.Series:
        """The means, each rounded once: floats, microseconds, or decimals as text."""
        counts = states.struct.field("count").to_list()
        pairs = zip(self._totals(states), counts, strict=True)
        if self.kind in _WHOLE:
            return pl.Series(self.name, [quotient(total, count) for total, count in pairs], dtype=pl.Float64)
        from fanfold_steps.aggregations.sums import DecimalSum, DurationSum  # few jobs need it

        if kind_name(self.kind) == "decimal":
            exponent = self.kind.removeprefix("decimal(").removesuffix(")")
            digits = [str(DecimalSum(Decimal(f"{total}E-{exponent}")).over(count)) for total, count in pairs]
            return pl.Series(self.name, digits, dtype=pl.String)
        per = _MICROSECONDS_PER[self.kind]
        means = [DurationSum(total).over(per * count) // timedelta(microseconds=1) for total, count in pairs]
        return pl.Series(self.name, means, dtype=pl.Int128)


def _gathered(frame: pl.DataFrame, name: str) -> list[pl.Expr]:
    """The sum of a group: `sum`, and `high` if a value of the column in `frame` needs more than 64 bits.

    Raises:
        PermanentFailure: there are nulls.
    """
    refuse_nulls(frame, name)
    value, values = pl.col(name), frame[name]
    if values.dtype == pl.Boolean:
        return [value.cast(pl.Int64).sum().cast(pl.Int128).alias("sum")]
    low, high = cast(int, values.min()), cast(int, values.max())
    largest = max(abs(low), abs(high)) if len(values) else 0
    if largest >> _BITS:
        return [(value % _HIGH).sum().alias("sum"), (value // _HIGH).sum().alias("high")]
    fits = largest * len(values) < 1 << 63  # then no group overflows 64 bits, in which Polars adds faster
    return [(value.sum().cast(pl.Int128) if fits else value.cast(pl.Int128).sum()).alias("sum")]


def _is_wide(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Struct) and any(field.name == "high" for field in dtype.fields)


def refuse_nulls(frame: pl.DataFrame, name: str) -> None:
    """Raise PermanentFailure if a column that is added up holds nulls."""
    if frame[name].null_count():
        raise PermanentFailure("mapper", f"the column {name!r} holds nulls, which have no sum: fill or drop them")
