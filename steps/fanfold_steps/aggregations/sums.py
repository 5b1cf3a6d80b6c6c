"""Sums of Decimals, Fractions and timedeltas, which are exact like those of integers and floats.

Loaded only when the first such value occurs, because few jobs have any. All values of a sum are of one kind, but
integers may occur among Decimals and Fractions, which Python adds to them, too.
"""

from abc import abstractmethod
from datetime import timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

from fanfold_steps.aggregations.exact import Addend, MixedKinds

MOST_EXPONENT = 10_000
MEAN_DIGITS = 28
"""Digits of a mean that doesn't come out even: Python's default precision."""
_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


def addend(value: object) -> Addend | None:
    """A sum of one value; None if it is of another kind. Raises ValueError: it can't be added exactly."""
    if isinstance(value, Decimal):
        if value.is_finite() and abs(value.adjusted()) > MOST_EXPONENT:
            raise ValueError(f"a Decimal that is added up has an exponent of at most {MOST_EXPONENT:,}, not {value}")
        return DecimalSum(value)
    if isinstance(value, Fraction):
        return FractionSum(value)
    if isinstance(value, timedelta):
        microseconds, rest = divmod(value, timedelta(microseconds=1))
        if rest:  # only in subclasses that count nanoseconds, such as pandas.Timedelta
            raise ValueError(
                f"timedeltas with nanoseconds, such as {value!r}, can't be added up exactly: round them to microseconds"
            )
        return DurationSum(microseconds)
    return None


class _KindSum(Addend):
    """A sum of values of one kind, and of the integers among them."""

    __slots__ = ("total", "whole")

    def __init__(self, total: Any, whole: int = 0) -> None:
        self.total = total
        self.whole = whole

    def __reduce__(self) -> tuple[type["_KindSum"], tuple[Any, int]]:
        return type(self), (self.total, self.whole)

    def __add__(self, other: "int | Addend") -> "_KindSum":
        """Add another sum to this one, in place, because copies would take time; returns it."""
        if isinstance(other, int):
            self.whole += int(other)
        elif isinstance(other, _KindSum) and type(other) is type(self):
            self.total = self.plus(other.total)
            self.whole += other.whole
        else:
            raise MixedKinds(self.kind, other.kind)
        return self

    __radd__ = __add__

    @abstractmethod
    def plus(self, total: Any) -> Any:
        """The total with another one added to it."""


class DecimalSum(_KindSum):
    """The sum has as many decimal places as the value with most of them."""

    kind = "Decimal"

    def plus(self, total: Decimal) -> Decimal:
        """The exact sum; infinities and NaN add up as IEEE 754 defines."""
        return _EXACTLY.add(self.total, total)

    def over(self, divisor: int) -> Decimal:
        """The quotient, rounded once if necessary, to 28 digits or to as many as the sum has."""
        total = self.plus(Decimal(self.whole)) if self.whole else self.total
        if divisor == 1:
            return total
        digits = max(MEAN_DIGITS, len(total.as_tuple().digits))
        return Context(digits, ROUND_HALF_EVEN, MIN_EMIN, MAX_EMAX, traps=[]).divide(total, Decimal(divisor))


class FractionSum(_KindSum):
    """The sum is a Fraction."""

    kind = "Fraction"

    def plus(self, total: Fraction) -> Fraction:
        """The exact sum."""
        added: Fraction = self.total + total
        return added

    def over(self, divisor: int) -> Fraction:
        """The exact quotient."""
        return self.plus(Fraction(self.whole)) / divisor


class DurationSum(_KindSum):
    """The sum is kept in microseconds; integers among timedeltas must add up to 0."""

    kind = "timedelta"

    def plus(self, total: int) -> int:
        """The exact sum."""
        added: int = self.total + total
        return added

    def over(self, divisor: int) -> timedelta:
        """The quotient to the nearest microsecond. Raises MixedKinds; OverflowError: too long for a timedelta."""
        if self.whole:
            raise MixedKinds(self.kind, "int")
        quotient, rest = divmod(self.total, divisor)
        nearest = quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2))
        try:
            return timedelta(microseconds=nearest)
        except OverflowError as error:
            raise OverflowError("the sum of the timedeltas is longer than a timedelta can be") from error
