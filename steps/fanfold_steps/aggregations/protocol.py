"""The interface of an aggregation: a state for each key, to which values and other states are added in input order."""

from abc import ABC, abstractmethod
from typing import Any


class Aggregation(ABC):
    """Folds the values of a key into a state, and merges the states of neighbouring pieces of input into one.

    However the input is split, and in whatever groups neighbours are merged, the result is the same. States can be
    pickled. `fold` and `merge` may change the state that is their first argument, and return it.
    """

    arguments: tuple[int, ...] = ()
    field: str | None = None
    rows = False

    def __init__(self, field: str | None = None) -> None:
        """`field` is the field to aggregate for named results: `reduce={"bytes": Sum("bytes")}`."""
        if field is not None and not isinstance(field, str):
            raise TypeError(f"the name of a field is a string, not {field!r:.80}")
        self.field = field

    @property
    def name(self) -> str:
        """Its name in a spec."""
        return type(self).__name__

    @abstractmethod
    def start(self) -> Any:
        """The state of no values."""

    @abstractmethod
    def fold(self, state: Any, value: Any) -> Any:
        """The state with one more value. Raises TypeError: the value is one that `check` rejects."""

    @abstractmethod
    def merge(self, state: Any, later: Any) -> Any:
        """One state from two, of which `later` comes later in the input."""

    @abstractmethod
    def result(self, state: Any) -> Any:
        """The key's result."""

    def check(self, value: object) -> str | None:
        """Why a value can't be aggregated; None if it can."""
        return None
