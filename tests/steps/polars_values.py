"""Columns of Polars as tests draw them: of every type that has values of Python, and as far as these go."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import polars as pl
from hypothesis import strategies as st

WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
WIDE = st.integers(-(2**127), 2**127 - 1) | st.sampled_from([2**64 - 1, 2**64, -(2**64), 2**127 - 1, -(2**127)]) | WHOLE
FLOATS = st.floats(allow_nan=False) | st.sampled_from([0.1, 1e16, -1e16, 1e308, 5e-324, 1.0])
TEXTS = st.text("ab\x00é\U0001f600", max_size=3)
BYTES = st.binary(max_size=2)
DIGITS = st.integers(1 - 10**38, 10**38 - 1) | st.sampled_from([10**38 - 1, 1 - 10**38]) | st.integers(-999, 999)
DAY = 86_400
YEARS = (-62_135_596_800, 253_402_300_799)  # seconds to the first and the last of Python's times
DAYS = (YEARS[0] // DAY, YEARS[1] // DAY)
LONGEST = 999_999_999 * DAY
Unit = Literal["ms", "us", "ns"]
PER_SECOND: dict[Unit, int] = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def counts(low: int, high: int, unit: Unit) -> st.SearchStrategy[int]:
    """Counts of a unit that Python's types hold: whole microseconds, of which 64 bits hold the number."""
    per, step = PER_SECOND[unit], 1000 if unit == "ns" else 1
    ends = max(low * per, -(2**63) + step) // step, min(high * per, 2**63 - step) // step
    return (st.integers(*ends) | st.sampled_from(ends) | st.integers(-5, 5)).map(lambda count: count * step)


TIMES: dict[Any, st.SearchStrategy[int]] = {
    pl.Date(): st.integers(*DAYS) | st.sampled_from(DAYS) | st.integers(-5, 5),
    pl.Time(): st.integers(0, DAY * 10**6 - 1).map(lambda count: count * 1000),
    **{pl.Datetime(unit): counts(*YEARS, unit) for unit in PER_SECOND},
    **{pl.Datetime(unit, "Europe/Berlin"): counts(YEARS[0] + DAY, YEARS[1] - DAY, unit) for unit in PER_SECOND},
    **{pl.Duration(unit): counts(-LONGEST, LONGEST, unit) for unit in PER_SECOND},
}


def decimals(places: int) -> st.SearchStrategy[Decimal]:
    return DIGITS.map(lambda count: Decimal(f"{count}E-{places}"))


DECIMALS = {pl.Decimal(38, places): decimals(places) for places in (0, 2, 38)}
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int64(): WHOLE, pl.UInt64(): st.integers(0, 2**64 - 1), pl.Int128(): WIDE, pl.Float64(): FLOATS,
    pl.String(): TEXTS, pl.Binary(): BYTES, pl.Boolean(): st.booleans(), pl.Int8(): st.integers(-128, 127),
    **TIMES, **DECIMALS,
}  # fmt: skip


def series(name: str, values: Sequence[Any], kind: Any) -> pl.Series:
    """A column of values as `VALUES` draws them: times by their numbers."""
    return (
        pl.Series(name, values, dtype=pl.Int64).cast(kind)
        if kind.is_temporal()
        else pl.Series(name, values, dtype=kind)
    )


def positive(value: Any) -> Any:
    """In frames, a float's -0.0 is 0.0."""
    return 0.0 if type(value) is float and value == 0 else value
