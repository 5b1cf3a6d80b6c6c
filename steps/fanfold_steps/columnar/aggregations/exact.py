"""Exact sums of floats in columns: each is an integer of 53 bits times a power of two, and adds up as one.

The powers are dealt into bins of 32, so that what lies in one bin adds up in 128 bits (53 + 31 of them, and 2³¹ rows
leave room). A frame's floats seldom need more than three bins.
"""

from typing import Any

import polars as pl

from fanfold_steps.aggregations.exact import Exact

MOST_BINS = 8
_BIN = 32
_FINEST = 1074  # the least float is 2**-1074
_MAGNITUDE, _FRACTION, _HIDDEN = (1 << 63) - 1, (1 << 52) - 1, 1 << 52


def bins_of(values: pl.Series) -> range | None:
    """The bins that these floats need; None if they aren't finite, or need too many."""
    if not values.len() or not values.is_finite().all():
        return None
    frame = values.to_frame("v").filter(pl.col("v") != 0)  # which adds nothing, wherever it is
    low, high = frame.select(low=_power("v").min(), high=_power("v").max()).row(0) if frame.height else (0, 0)
    bins = range(low // _BIN, high // _BIN + 1)
    return bins if len(bins) <= MOST_BINS else None


def sums(name: str, bins: range) -> pl.Expr:
    """For each group how many floats there are, and the sums of their bins."""
    bits = pl.col(name).reinterpret(dtype=pl.Int64)
    fraction = bits & _FRACTION
    whole = pl.when(_exponent(bits) > 0).then(fraction + _HIDDEN).otherwise(fraction)
    signed = pl.when(bits < 0).then(-whole).otherwise(whole).cast(pl.Int128)
    power = _power(name)
    term = signed * pl.lit(2, dtype=pl.Int64).pow(power % _BIN).cast(pl.Int128)
    parts = [pl.when(power // _BIN == number).then(term).otherwise(0).sum().alias(str(number)) for number in bins]
    return pl.struct(pl.len().alias("count"), *parts).alias(name)


def exact(state: dict[str, Any]) -> Exact:
    """The sum that a group's bins make."""
    bins = [(int(number), part) for number, part in state.items() if number != "count"]
    least = bins[0][0] * _BIN
    scaled = sum(part << (number * _BIN - least) for number, part in bins)
    return Exact(scaled, _FINEST - least) if least <= _FINEST else Exact(scaled << (least - _FINEST))


def _power(name: str) -> pl.Expr:
    """The power of two of the last bit, from that of the least float on."""
    exponent = _exponent(pl.col(name).reinterpret(dtype=pl.Int64))
    return pl.when(exponent > 0).then(exponent - 1).otherwise(0)


def _exponent(bits: pl.Expr) -> pl.Expr:
    return (bits & _MAGNITUDE) // _HIDDEN
