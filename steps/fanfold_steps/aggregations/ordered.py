"""Aggregations that compare their values, in the order of keys; of equal ones (1, 1.0, True) the first counts."""

from abc import abstractmethod
from typing import Any

from fanfold_steps import keys
from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.failure import shown

_NUMBERS = {bool, int, float}


class _Ordered(Aggregation):
    def check(self, value: object) -> str | None:
        """What could be a key."""
        try:
            keys.exact(value)
        except keys.UnsortableKey:
            what = "values that can be put in order (None, numbers but NaN, text, bytes and tuples of them)"
            return f"{self.name}() takes {what}, but a value is {type(value).__name__} ({shown(value)})"
        return None


class _Extreme(_Ordered):
    """Keeps one value, in a tuple that is empty before the first."""

    def start(self) -> tuple[Any, ...]:
        """No value yet."""
        return ()

    def fold(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The value if it comes before the one so far."""
        value = keys.exact(value)
        return (value,) if not state or self._is_better(value, state[0]) else state

    def merge(self, state: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
        """The better of two."""
        return self.fold(state, later[0]) if later else state

    def result(self, state: tuple[Any, ...]) -> Any:
        """The value."""
        return state[0] if state else None

    @abstractmethod
    def _is_better(self, value: Any, than: Any) -> bool:
        """Whether a value takes the place of one that came before it."""


class Min(_Extreme):
    """The value that comes first in the order of keys."""

    def _is_better(self, value: Any, than: Any) -> bool:
        return _precedes(value, than)


class Max(_Extreme):
    """The value that comes last in the order of keys."""

    def _is_better(self, value: Any, than: Any) -> bool:
        return _precedes(than, value)


class TopK(_Ordered):
    """The n values that come last in the order of keys, in a list, the largest first.

    >>> TopK(2).result(TopK(2).merge([7, 1], [3, 9]))
    [9, 7]
    """

    def __init__(self, n: int) -> None:
        if type(n) is not int or n < 1:
            raise ValueError(f"TopK(n) takes a whole number from 1, not {n!r:.80}")
        self._n = n
        self.arguments = (n,)

    def start(self) -> list[Any]:
        """None yet."""
        return []

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Take in a value; now and then those that can't count any more are left out."""
        state.append(keys.exact(value))
        return state if len(state) < 2 * self._n + 8 else self.result(state)

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """The largest of both."""
        return self.result(state + later)

    def result(self, state: list[Any]) -> list[Any]:
        """The n largest; a stable sort keeps equal ones in input order."""
        return _sorted(state, reverse=True)[: self._n]


class Distinct(_Ordered):
    """The different values, in the order of keys, in a list."""

    def start(self) -> dict[Any, None]:
        """None yet."""
        return {}

    def fold(self, state: dict[Any, None], value: Any) -> dict[Any, None]:
        """Take in a value unless an equal one is there."""
        state.setdefault(keys.exact(value))
        return state

    def merge(self, state: dict[Any, None], later: dict[Any, None]) -> dict[Any, None]:
        """Those of both."""
        state.update(later)
        return state

    def result(self, state: dict[Any, None]) -> Any:
        """In order."""
        return _sorted(list(state), reverse=False)


class CountDistinct(Distinct):
    """How many different values there are."""

    def result(self, state: dict[Any, None]) -> int:
        """The number."""
        return len(state)


def _precedes(left: Any, right: Any) -> bool:
    if type(left) is type(right) and type(left) in (int, float, str, bytes):
        return bool(left < right)
    return keys.encode(left) < keys.encode(right)


def _sorted(values: list[Any], *, reverse: bool) -> list[Any]:
    """Exact values in the order of keys, by Python's own comparison where that is the same."""
    kinds = set(map(type, values))
    same = kinds <= _NUMBERS or kinds == {str} or kinds == {bytes}
    return sorted(values, key=None if same else keys.encode, reverse=reverse)
