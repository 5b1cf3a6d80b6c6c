"""Aggregations that add up values. Sums are exact, and rounded once at the end."""

import math
from typing import Any

from fanfold_steps.aggregations.exact import Addend, Exact, MixedKinds, Number, quotient
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.failure.wording import shown

Total = int | Addend
"""A sum: an int as long as all values are ints, otherwise an `Addend`."""


class _Adding(Aggregation):
    """Adds up values of one kind: numbers, Decimals, Fractions or timedeltas."""

    def check(self, value: object) -> str | None:
        """Why a value can't be added up exactly; None if it can."""
        try:
            self.added(0, value)
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    def added(self, total: Total, value: Any) -> Total:
        """Add a value to a sum, in place unless it is an int, which it stays as long as all values are ints.

        Raises TypeError, ValueError: as `check` says.
        """
        if isinstance(value, int):
            return total + value
        if isinstance(value, float):
            if isinstance(total, int):
                return Exact(total).add(value)
            if isinstance(total, Exact):
                return total.add(value)
            raise MixedKinds(total.kind, "float")
        from fanfold_steps.aggregations.sums import addend  # few jobs need it, and it takes a while to import

        if (one := addend(value)) is None:
            what = f"{self.name}() takes int, float, Decimal, Fraction and timedelta"
            raise TypeError(f"{what}, but a value is {type(value).__name__} ({shown(value)})")
        return one + total if isinstance(total, int) else total + one


class Sum(_Adding):
    """The exact sum. For ints it is an int; if there are floats, it is the float nearest to the exact sum.

    >>> total = Sum().start()
    >>> for value in (1e16, 1, -1e16, 0.5):
    ...     total = Sum().fold(total, value)
    >>> Sum().result(total)
    1.5
    """

    def start(self) -> Total:
        """The sum of no values: 0."""
        return 0

    def fold(self, state: Total, value: Any) -> Total:
        """Add a value."""
        return state + value if isinstance(value, int) else self.added(state, value)

    def merge(self, state: Total, later: Total) -> Total:
        """Add a sum."""
        return later + state if isinstance(state, int) else state + later

    def result(self, state: Total) -> Any:
        """An int if all values were ints; otherwise a value of their kind."""
        return state if isinstance(state, int) else state.over(1)


class Count(Aggregation):
    """How many values there are, whatever they are."""

    def __init__(self) -> None:
        super().__init__()

    def start(self) -> int:
        """A count of 0."""
        return 0

    def fold(self, state: int, value: Any) -> int:
        """Count a value."""
        return state + 1

    def merge(self, state: int, later: int) -> int:
        """Add the counts."""
        return state + later

    def result(self, state: int) -> int:
        """The count."""
        return state


class Mean(_Adding):
    """The mean: for numbers, the float nearest to the exact mean; Decimals, Fractions and timedeltas keep their type.

    A mean of Decimals that doesn't come out even has 28 digits, or as many as the sum; one of timedeltas is rounded to
    the nearest microsecond. The mean of no values is NaN.
    """

    def start(self) -> list[Any]:
        """A count and a sum of 0."""
        return [0, 0]

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Count a value and add it."""
        state[0] += 1
        state[1] = self.added(state[1], value)
        return state

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Add the counts and the sums."""
        state[0] += later[0]
        state[1] += later[1]
        return state

    def result(self, state: list[Any]) -> Any:
        """The sum divided by the count."""
        count, total = state
        if not count:
            return math.nan
        return quotient(total, count) if isinstance(total, int) else total.over(count)


class Variance(Aggregation):
    """The float nearest to the exact variance of a sample; with `Variance(0)`, of a population.

    The sum of squared deviations is divided by the count minus `ddof`. The result is NaN if that isn't positive, or if
    a value is an infinity or NaN.
    """

    def __init__(self, ddof: int | str = 1, field: str | None = None) -> None:
        """For named results, `Variance("seconds")` is the variance of a field."""
        super().__init__(ddof if isinstance(ddof, str) else field)
        ddof = 1 if isinstance(ddof, str) else ddof
        if type(ddof) is not int or ddof < 0:
            raise ValueError(f"Variance(ddof) takes an integer of 0 or more, not {ddof!r:.80}")
        self._ddof = ddof
        self.arguments = (ddof,)

    def start(self) -> list[Any]:
        """A count, a sum, and a sum of squares, all 0."""
        return [0, Exact(), Exact()]

    def check(self, value: object) -> str | None:
        """Why a value isn't an int (or bool) or a float; None if it is."""
        if isinstance(value, int | float):
            return None
        return f"Variance() takes integers and floats, but a value is {type(value).__name__} ({shown(value)})"

    def fold(self, state: list[Any], value: Number) -> list[Any]:
        """Count a number, add it, and add its square."""
        if problem := self.check(value):
            raise TypeError(problem)
        state[0] += 1
        state[1].add(value)
        state[2].add_square(value)
        return state

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Add counts, sums and sums of squares."""
        state[0] += later[0]
        state[1] += later[1]
        state[2] += later[2]
        return state

    def result(self, state: list[Any]) -> float:
        """(count · squares − sum²) / (count · (count − ddof)), rounded once."""
        count, total, squares = state
        if count <= self._ddof or total.special is not None:
            return math.nan
        # The shift of the squares is twice that of the sum, so both terms have the same scale.
        deviations = count * squares.scaled - total.scaled**2
        return quotient(deviations, count * (count - self._ddof) << squares.shift)
