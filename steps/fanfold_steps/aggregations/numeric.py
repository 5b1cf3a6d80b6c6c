"""Aggregations of numbers. Sums are exact inside and rounded once, at the end."""

import math
from typing import Any

from fanfold_steps.aggregations.exact import Exact, Number, quotient
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.failure import shown


class _Numeric(Aggregation):
    def check(self, value: object) -> str | None:
        """Numbers alone: int (bool among them) and float."""
        if isinstance(value, int | float):
            return None
        return f"{self.name}() takes whole numbers and floats, but a value is {type(value).__name__} ({shown(value)})"

    def refuse(self, value: object) -> TypeError:
        return TypeError(self.check(value))


class Sum(_Numeric):
    """The sum: a whole number of whole numbers, else the float nearest to the exact sum.

    >>> total = Sum().start()
    >>> for value in (1e16, 1, -1e16, 0.5):
    ...     total = Sum().fold(total, value)
    >>> Sum().result(total)
    1.5
    """

    def start(self) -> int | Exact:
        """Nothing: 0."""
        return 0

    def fold(self, state: int | Exact, value: Number) -> int | Exact:
        """Add a number; the state stays an int as long as all are whole."""
        if isinstance(value, int):
            return state + value
        if not isinstance(value, float):
            raise self.refuse(value)
        return (Exact(state) if isinstance(state, int) else state).add(value)

    def merge(self, state: int | Exact, later: int | Exact) -> int | Exact:
        """Add a sum."""
        return later + state if isinstance(state, int) else state + later

    def result(self, state: int | Exact) -> int | float:
        """An int if all were, else a float."""
        return state if isinstance(state, int) else state.over(1)


class Count(Aggregation):
    """How many values there are, whatever they are."""

    def start(self) -> int:
        """0."""
        return 0

    def fold(self, state: int, value: Any) -> int:
        """One more."""
        return state + 1

    def merge(self, state: int, later: int) -> int:
        """Together."""
        return state + later

    def result(self, state: int) -> int:
        """The number."""
        return state


class Mean(_Numeric):
    """The float nearest to the exact mean; NaN of no values."""

    def start(self) -> list[Any]:
        """Count and sum."""
        return [0, Exact()]

    def fold(self, state: list[Any], value: Number) -> list[Any]:
        """Count a number and add it."""
        if not isinstance(value, int | float):
            raise self.refuse(value)
        state[0] += 1
        state[1].add(value)
        return state

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Add count and sum."""
        state[0] += later[0]
        state[1] += later[1]
        return state

    def result(self, state: list[Any]) -> float:
        """The sum over the count."""
        count, total = state
        mean: float = total.over(count) if count else math.nan
        return mean


class Variance(_Numeric):
    """The float nearest to the exact variance of a sample, `Variance(0)` of a whole population.

    The squared deviations are divided by the count less `ddof`. NaN where that is nothing, or where a value is an
    infinity or NaN.
    """

    def __init__(self, ddof: int = 1) -> None:
        if type(ddof) is not int or ddof < 0:
            raise ValueError(f"Variance(ddof) takes a whole number from 0, not {ddof!r:.80}")
        self._ddof = ddof
        self.arguments = (ddof,)

    def start(self) -> list[Any]:
        """Count, sum, sum of squares."""
        return [0, Exact(), Exact()]

    def fold(self, state: list[Any], value: Number) -> list[Any]:
        """Count a number, add it and its square."""
        if not isinstance(value, int | float):
            raise self.refuse(value)
        state[0] += 1
        state[1].add(value)
        state[2].add_square(value)
        return state

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Add all three."""
        state[0] += later[0]
        state[1] += later[1]
        state[2] += later[2]
        return state

    def result(self, state: list[Any]) -> float:
        """(count · squares − sum²) / (count · (count − ddof)), rounded once."""
        count, total, squares = state
        if count <= self._ddof or total.special is not None:
            return math.nan
        # The finest fraction of the squares is that of the sum twice, so both terms have the same scale.
        deviations = count * squares.scaled - total.scaled**2
        return quotient(deviations, count * (count - self._ddof) << squares.shift)
