"""Sums of whole numbers and floats without rounding, so that the order of the terms never shows."""

import math

Number = int | float


class Exact:
    """A sum of numbers, kept as a whole number of halves, quarters, … down to the finest that a term needed.

    Every finite float is such a number. Infinities and NaN add up among themselves as IEEE 754 has it, and a sum with
    one of them is that.

    >>> Exact(1).add(1e100).add(0.5).add(-1e100).over(1)
    1.5
    """

    __slots__ = ("scaled", "shift", "special")

    def __init__(self, scaled: int = 0, shift: int = 0, special: float | None = None) -> None:
        self.scaled = scaled
        self.shift = shift
        self.special = special

    def __reduce__(self) -> tuple[type["Exact"], tuple[int, int, float | None]]:
        return Exact, (self.scaled, self.shift, self.special)

    def add(self, value: Number) -> "Exact":
        """This sum with one more term."""
        try:
            numerator, denominator = value.as_integer_ratio()
        except (OverflowError, ValueError):
            self._add_special(value)
        else:
            self._add(numerator, denominator.bit_length() - 1)
        return self

    def add_square(self, value: Number) -> "Exact":
        """This sum with the square of a number."""
        try:
            numerator, denominator = value.as_integer_ratio()
        except (OverflowError, ValueError):
            self._add_special(abs(value))
        else:
            self._add(numerator * numerator, 2 * (denominator.bit_length() - 1))
        return self

    def __add__(self, other: "int | Exact") -> "Exact":
        """This very sum, with another added to it: sums belong to whoever holds them, and copies cost."""
        if isinstance(other, int):
            self.scaled += int(other) << self.shift
            return self
        if other.special is not None:
            self._add_special(other.special)
        self._add(other.scaled, other.shift)
        return self

    __radd__ = __add__

    def over(self, divisor: int) -> float:
        """The sum divided by a whole number, rounded once, correctly; beyond the largest float an infinity."""
        return quotient(self.scaled, divisor << self.shift) if self.special is None else self.special

    def _add(self, scaled: int, shift: int) -> None:
        if shift > self.shift:
            self.scaled <<= shift - self.shift
            self.shift = shift
        self.scaled += scaled << (self.shift - shift)

    def _add_special(self, value: float) -> None:
        self.special = value if self.special is None else self.special + value


def quotient(numerator: int, denominator: int) -> float:
    """The float nearest to a fraction; CPython divides whole numbers with one correct rounding.

    >>> quotient(1, 3), quotient(-(10**400), 1)
    (0.3333333333333333, -inf)
    """
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf
