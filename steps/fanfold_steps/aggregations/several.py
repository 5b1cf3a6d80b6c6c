"""Several aggregations at once: a tuple of them aggregates tuples of values, element by element."""

from collections.abc import Mapping, Sequence
from typing import Any

from fanfold_steps.aggregations.protocol import Aggregation
from fanfold_steps.failure.wording import quantity, shown


class TupleAggregation(Aggregation):
    """Aggregates the first elements of all tuples with the first aggregation, the second ones with the second, …

    >>> from fanfold_steps.aggregations import Max, Sum
    >>> both = TupleAggregation([Sum(), Max()])
    >>> both.result(both.fold(both.fold(both.start(), (1, "a")), (2, "b")))
    (3, 'b')
    """

    def __init__(self, parts: Sequence[Aggregation]) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self._folds = [part.fold for part in self.parts]

    @property
    def name(self) -> str:
        """The tuple as users write it."""
        return f"({', '.join(f'{part.name}()' for part in self.parts)})"

    def start(self) -> list[Any]:
        """A state for each aggregation."""
        return [part.start() for part in self.parts]

    def fold(self, state: list[Any], value: Any) -> list[Any]:
        """Fold each element into its state."""
        if not isinstance(value, tuple | list) or len(value) != len(state):
            raise TypeError(self.check(value))
        return [fold(one, item) for fold, one, item in zip(self._folds, state, value, strict=True)]

    def merge(self, state: list[Any], later: list[Any]) -> list[Any]:
        """Merge each pair of states."""
        return [part.merge(*both) for part, *both in zip(self.parts, state, later, strict=True)]

    def result(self, state: list[Any]) -> tuple[Any, ...]:
        """A tuple of all results."""
        return tuple(part.result(one) for part, one in zip(self.parts, state, strict=True))

    def check(self, value: object) -> str | None:
        """Why a value isn't a tuple of the right length, or what is wrong with an element; None if nothing is."""
        if not isinstance(value, tuple | list) or len(value) != len(self.parts):
            what = f"{self.name} takes tuples of {quantity(len(self.parts), 'value')}"
            return f"{what}, but a value is {type(value).__name__} ({shown(value)})"
        return next(filter(None, (part.check(item) for part, item in zip(self.parts, value, strict=True))), None)


class RowAggregation(TupleAggregation):
    """Several aggregations of a record's fields; errors name the result whose value is wrong."""

    def __init__(self, parts: Mapping[str, Aggregation]) -> None:
        super().__init__([*parts.values()])
        self._names = list(parts)

    def check(self, value: object) -> str | None:
        """What is wrong with an element, and for which result; None if nothing is."""
        assert isinstance(value, tuple)
        for name, part, item in zip(self._names, self.parts, value, strict=True):
            if problem := part.check(item):
                return f"{problem}, for the result {name!r}"
        return None
