"""Several aggregations at once: a tuple of them aggregates tuples of values, place by place."""

from collections.abc import Sequence
from typing import Any

from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.failure import shown


class Together(Aggregation):
    """Aggregates the first of each tuple by the first aggregation, the second by the second, …

    >>> from fanfold_steps.aggregations import Max, Sum
    >>> both = Together([Sum(), Max()])
    >>> both.result(both.fold(both.fold(both.start(), (1, "a")), (2, "b")))
    (3, 'b')
    """

    def __init__(self, parts: Sequence[Aggregation]) -> None:
        self.parts = tuple(parts)
        self._folds = [part.fold for part in self.parts]

    @property
    def name(self) -> str:
        """As it is written."""
        return f"({', '.join(f'{part.name}()' for part in self.parts)})"

    def start(self) -> list[Any]:
        """A state for each place."""
        return [part.start() for part in self.parts]

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Each place by its own."""
        if not isinstance(value, tuple | list) or len(value) != len(state):
            raise TypeError(self.check(value))
        return [fold(one, item) for fold, one, item in zip(self._folds, state, value, strict=True)]

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Each place by its own."""
        return [part.merge(*both) for part, *both in zip(self.parts, state, later, strict=True)]

    def result(self, state: list[Any]) -> tuple[Any, ...]:
        """A tuple of results."""
        return tuple(part.result(one) for part, one in zip(self.parts, state, strict=True))

    def check(self, value: object) -> str | None:
        """A tuple of the same length, each of its values one that its aggregation takes."""
        if not isinstance(value, tuple | list) or len(value) != len(self.parts):
            what = f"{self.name} takes tuples of {len(self.parts)} values"
            return f"{what}, but a value is {type(value).__name__} ({shown(value)})"
        return next(filter(None, (part.check(item) for part, item in zip(self.parts, value, strict=True))), None)
