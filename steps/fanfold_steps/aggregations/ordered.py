"""Aggregations that compare their values in the order of keys; of equal values (1, 1.0, True), the first one counts.

Their states hold values in the form that `keys.exact` returns.
"""

from abc import abstractmethod
from typing import Any

from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting import keys

_NUMBERS = {bool, int, float}


class _Ordered(Aggregation):
    def check(self, value: object) -> str | None:
        """Why a value has no place in the order of keys; None if it has."""
        try:
            keys.exact(value)
        except keys.UnsortableKey:
            what = f"a value is {type(value).__name__} ({shown(value)})"
            return f"{self.name}() takes values that can be sorted, as keys are, but {what}"
        return None


class _Extreme(_Ordered):
    """Keeps one value, in a tuple that is empty before the first."""

    def start(self) -> tuple[Any, ...]:
        """No value yet."""
        return ()

    def fold(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The better one of the value and the one kept so far."""
        value = keys.exact(value)
        return (value,) if not state or self._is_better(value, state[0]) else state

    def merge(self, state: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
        """The better one of the two values."""
        return self.fold(state, later[0]) if later else state

    def result(self, state: tuple[Any, ...]) -> Any:
        """The value; None if there was none."""
        return keys.original(state[0]) if state else None

    @abstractmethod
    def _is_better(self, value: Any, than: Any) -> bool:
        """Whether a value replaces one that came before it."""


class Min(_Extreme):
    """The value that comes first in the order of keys."""

    def _is_better(self, value: Any, than: Any) -> bool:
        return _precedes(value, than)


class Max(_Extreme):
    """The value that comes last in the order of keys."""

    def _is_better(self, value: Any, than: Any) -> bool:
        return _precedes(than, value)


class TopK(_Ordered):
    """A list of the n largest values in the order of keys, the largest first.

    >>> TopK(2).result(TopK(2).merge([7, 1], [3, 9]))
    [9, 7]
    """

    def __init__(self, n: int, field: str | None = None, *, rows: bool = False) -> None:
        """For named results: `field` is the field to aggregate; with `rows`, each value gets a row of its own."""
        super().__init__(field)
        self.rows = rows
        if type(n) is not int or n < 1:
            raise ValueError(f"TopK(n) takes an integer of 1 or more, not {n!r:.80}")
        self._n = n
        self.arguments = (n,)

    def start(self) -> list[Any]:
        """No values yet."""
        return []

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Add a value; now and then, drop those that are no longer among the n largest."""
        state.append(keys.exact(value))
        return state if len(state) < 2 * self._n + 8 else self._largest(state)

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """The n largest of both."""
        return self._largest(state + later)

    def result(self, state: list[Any]) -> list[Any]:
        """The n largest."""
        return list(map(keys.original, self._largest(state)))

    def _largest(self, state: list[Any]) -> list[Any]:
        """The n largest; a stable sort keeps equal ones in input order."""
        return _sorted(state, reverse=True)[: self._n]


class Distinct(_Ordered):
    """A list of the distinct values, in the order of keys."""

    def __init__(self, field: str | None = None, *, rows: bool = False) -> None:
        """For named results: `field` is the field to aggregate; with `rows`, each value gets a row of its own."""
        super().__init__(field)
        self.rows = rows

    def start(self) -> dict[Any, None]:
        """No values yet."""
        return {}

    def fold(self, state: dict[Any, None], value: Any) -> dict[Any, None]:
        """Add a value, unless there is an equal one."""
        state.setdefault(keys.exact(value))
        return state

    def merge(self, state: dict[Any, None], later: dict[Any, None]) -> dict[Any, None]:
        """The values of both."""
        state.update(later)
        return state

    def result(self, state: dict[Any, None]) -> Any:
        """The values in order."""
        return list(map(keys.original, _sorted(list(state), reverse=False)))


class CountDistinct(Distinct):
    """The number of distinct values."""

    def __init__(self, field: str | None = None) -> None:
        super().__init__(field)

    def result(self, state: dict[Any, None]) -> int:
        """The number of values."""
        return len(state)


def _precedes(left: Any, right: Any) -> bool:
    if type(left) is type(right) and type(left) in (int, float, str, bytes):
        return bool(left < right)
    return keys.encode(left) < keys.encode(right)


def _sorted(values: list[Any], *, reverse: bool) -> list[Any]:
    """Sort exact values in the order of keys, with Python's own comparison if that is the same order."""
    kinds = set(map(type, values))
    same = kinds <= _NUMBERS or kinds == {str} or kinds == {bytes}
    return sorted(values, key=None if same else keys.encode, reverse=reverse)
