"""Sums of integers and floats without rounding, so that the order of the terms never shows."""

import math
from abc import ABC, abstractmethod
from typing import Any

Number = int | float


class MixedKinds(TypeError):
    """Values of two kinds, such as Decimal and float, which have no exact sum."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} can't be added up: convert all values of a key to one type")


class Addend(ABC):
    """A sum of values of one kind, to which sums of the same kind and integers can be added."""

    __slots__ = ()
    kind = "number"

    @abstractmethod
    def __add__(self, other: "int | Addend") -> "Addend":
        """Add another sum to this one, in place, and return it. Raises MixedKinds."""

    __radd__ = __add__

    @abstractmethod
    def over(self, divisor: int) -> Any:
        """The sum divided by an integer. Raises MixedKinds, OverflowError."""


class Exact(Addend):
    """A sum of numbers, kept as an integer `scaled` times 2 ** -`shift`, so that no term is rounded.

    Every finite float is such a number. Infinities and NaN add up as IEEE 754 defines, and determine the whole sum.

    >>> Exact(1).add(1e100).add(0.5).add(-1e100).over(1)
    1.5
    """

    __slots__ = ("scaled", "shift", "special")
    kind = "float"

    def __init__(self, scaled: int = 0, shift: int = 0, special: float | None = None) -> None:
        self.scaled = scaled
        self.shift = shift
        self.special = special

    def __reduce__(self) -> tuple[type["Exact"], tuple[int, int, float | None]]:
        return Exact, (self.scaled, self.shift, self.special)

    def add(self, value: Number) -> "Exact":
        """Add a number, in place."""
        try:
            numerator, denominator = value.as_integer_ratio()
        except (OverflowError, ValueError):
            self._add_special(value)
        else:
            self._add(numerator, denominator.bit_length() - 1)
        return self

    def add_square(self, value: Number) -> "Exact":
        """Add the square of a number, in place."""
        try:
            numerator, denominator = value.as_integer_ratio()
        except (OverflowError, ValueError):
            self._add_special(abs(value))
        else:
            self._add(numerator * numerator, 2 * (denominator.bit_length() - 1))
        return self

    def __add__(self, other: "int | Addend") -> "Exact":
        """Add another sum to this one, in place, because copies would take time; returns it."""
        if isinstance(other, int):
            self.scaled += int(other) << self.shift
            return self
        if not isinstance(other, Exact):
            raise MixedKinds(self.kind, other.kind)
        if other.special is not None:
            self._add_special(other.special)
        self._add(other.scaled, other.shift)
        return self

    __radd__ = __add__

    def over(self, divisor: int) -> float:
        """The sum divided by an integer, correctly rounded once; an infinity beyond the largest float."""
        return quotient(self.scaled, divisor << self.shift) if self.special is None else self.special

    def _add(self, scaled: int, shift: int) -> None:
        if shift > self.shift:
            self.scaled <<= shift - self.shift
            self.shift = shift
        self.scaled += scaled << (self.shift - shift)

    def _add_special(self, value: float) -> None:
        self.special = value if self.special is None else self.special + value


def quotient(numerator: int, denominator: int) -> float:
    """The float nearest to a fraction, because CPython's division of integers rounds once, correctly.

    >>> quotient(1, 3), quotient(-(10**400), 1)
    (0.3333333333333333, -inf)
    """
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf
