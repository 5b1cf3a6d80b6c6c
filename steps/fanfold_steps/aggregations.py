"""Aggregations: combiner and reducer in one, so that a mapper folds values as they come and sends one for each key."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from fanfold_steps import keys
from fanfold_steps.failure import shown

Mapper = Callable[[Any], Iterable[tuple[Any, Any]]]


class NotText(Exception):
    """A key that isn't text was looked up among text keys."""


class TextKeys(dict[str, Any]):
    """Values by text key; a new key begins with what `new` makes. Only new keys cost a check of their type."""

    def __init__(self, new: Callable[[], Any]) -> None:
        super().__init__()
        self._new = new

    def __missing__(self, key: Any) -> Any:
        if type(key) is not str:
            raise NotText
        value = self[key] = self._new()
        return value


class Sum:
    """Adds whole numbers.

    >>> texts, others = TextKeys(Sum.zero), defaultdict(Sum.zero)
    >>> Sum.fold(lambda line: [(word, 1) for word in line.split()], iter(["a b a"]), texts, others)
    >>> dict(texts)
    {'a': 2, 'b': 1}
    """

    name = "Sum"
    zero = int

    @staticmethod
    def fold(mapper: Mapper, records: Iterable[Any], texts: TextKeys, others: defaultdict[bytes, Any]) -> None:
        """Map records and add up what comes out: the innermost loop of a job, kept bare."""
        for record in records:
            for key, value in mapper(record):
                try:
                    texts[key] += value
                except NotText:
                    others[keys.encode(key)] += value

    @staticmethod
    def merge(totals: defaultdict[bytes, int], items: Iterable[tuple[bytes, int]]) -> None:
        """Add totals to totals."""
        for key, value in items:
            totals[key] += value

    @staticmethod
    def check(value: object) -> str | None:
        """Why a value can't be summed, or None."""
        if isinstance(value, int):
            return None
        return f"Sum() adds whole numbers, but a value is {type(value).__name__} ({shown(value)})"


AGGREGATIONS: dict[str, type[Sum]] = {"Sum": Sum}
