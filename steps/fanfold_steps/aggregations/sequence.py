"""Aggregations by input order, of values of any type that pickles."""

from typing import Any

from fanfold_steps.aggregations.protocol import Aggregation


class _One(Aggregation):
    """Keeps one value, in a tuple that is empty before the first."""

    def start(self) -> tuple[Any, ...]:
        """No value yet."""
        return ()

    def result(self, state: tuple[Any, ...]) -> Any:
        """The value."""
        return state[0] if state else None


class First(_One):
    """The value that stands first in the input."""

    def fold(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The value if it is the first."""
        return state or (value,)

    def merge(self, state: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
        """The earlier."""
        return state or later


class Last(_One):
    """The value that stands last in the input."""

    def fold(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        """The value."""
        return (value,)

    def merge(self, state: tuple[Any, ...], later: tuple[Any, ...]) -> tuple[Any, ...]:
        """The later."""
        return later or state


class Collect(Aggregation):
    """All values in a list, in input order. The list of one key lies in memory."""

    def start(self) -> list[Any]:
        """None yet."""
        return []

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Put a value at the end."""
        state.append(value)
        return state

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """One list after the other."""
        state.extend(later)
        return state

    def result(self, state: list[Any]) -> list[Any]:
        """The list."""
        return state
