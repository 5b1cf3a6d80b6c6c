"""Aggregations: combiner and reducer in one, so that a mapper folds values as they come and sends one for each key."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]


class Sum:
    """Adds whole numbers.

    >>> totals = Sum.start()
    >>> Sum.fold(lambda line: [(word, 1) for word in line.split()], iter(["a b a"]), totals)
    >>> dict(totals)
    {'a': 2, 'b': 1}
    """

    name = "Sum"

    @staticmethod
    def start() -> defaultdict[Any, int]:
        """What totals are kept in: by key."""
        return defaultdict(int)

    @staticmethod
    def fold(mapper: Mapper, records: Iterable[Any], totals: defaultdict[Any, int]) -> None:
        """Map records and add up what comes out: the innermost loop of a job, kept bare."""
        for record in records:
            for key, value in mapper(record):
                totals[key] += value

    @staticmethod
    def merge(totals: defaultdict[Any, int], items: Iterable[tuple[Any, int]]) -> None:
        """Add totals to totals."""
        for key, value in items:
            totals[key] += value

    @staticmethod
    def check(value: object) -> str | None:
        """Why a value can't be summed, or None."""
        if isinstance(value, int):
            return None
        return f"Sum() adds whole numbers, but a value is {type(value).__name__} ({value!r:.80})"


AGGREGATIONS: dict[str, type[Sum]] = {"Sum": Sum}
