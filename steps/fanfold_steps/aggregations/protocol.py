"""What an aggregation is: a state for each key that takes in values and other states, in input order."""

from abc import ABC, abstractmethod
from typing import Any


class Aggregation(ABC):
    """Folds the values of a key into a state; states of neighbouring pieces of input merge into one.

    Wherever the input is cut, and in whatever groups neighbours are merged, the result is the same. A state pickles,
    and belongs to whoever it was given to: `fold` and `merge` may change and return the first they are given.
    """

    arguments: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name that a spec has it by."""
        return type(self).__name__

    @abstractmethod
    def start(self) -> Any:
        """The state before any value."""

    @abstractmethod
    def fold(self, state: Any, value: Any) -> Any:
        """The state with one more value. Raises TypeError where `check` tells a reason."""

    @abstractmethod
    def merge(self, state: Any, later: Any) -> Any:
        """One state of two, whose values followed each other in the input."""

    @abstractmethod
    def result(self, state: Any) -> Any:
        """What is written for the key."""

    def check(self, value: object) -> str | None:
        """Why a value can't be taken in, or None."""
        return None
