"""Aggregations by input order, for values of any type that can be pickled."""

from typing import Any

from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.memory.taken import taken


class _One(Aggregation):
    """Keeps one value, in a tuple that is empty before the first."""

    def start(self) -> tuple[Any, ...]:
        """No value yet."""
        return ()

    def result(self, state: tuple[Any, ...]) -> Any:
        """The value; None if there was none."""
        return state[0] if state else None


class First(_One):
    """The value that comes first in the input."""

    def fold(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The first value."""
        return state or (taken(value),)

    def merge(self, state: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
        """The earlier value."""
        return state or later


class Last(_One):
    """The value that comes last in the input."""

    def fold(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The last value."""
        return (taken(value),)

    def merge(self, state: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
        """The later value."""
        return later or state


class Collect(Aggregation):
    """A list of all values, in input order. The list of one key must fit into memory."""

    def __init__(self, field: str | None = None, *, rows: bool = False) -> None:
        """For named results: `field` is the field to aggregate; with `rows`, each value gets a row of its own."""
        super().__init__(field)
        self.rows = rows

    def start(self) -> list[Any]:
        """No values yet."""
        return []

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Append a value."""
        state.append(taken(value))
        return state

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Append the later list."""
        state.extend(later)
        return state

    def result(self, state: list[Any]) -> list[Any]:
        """The list."""
        return state
