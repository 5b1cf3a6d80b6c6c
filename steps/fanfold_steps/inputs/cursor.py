"""Which record is being mapped: computed only on request, so that nothing has to be noted for each record."""

from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from typing import Any

from fanfold_steps.failure.permanent import Position
from fanfold_steps.inputs.batches import Batch

Watch = Callable[[Position | None], None]
"""Called with the position of each record before it is mapped. Expensive: only for tasks at which processes die."""


class Cursor:
    """Follows a map attempt through its batches. A batch's iterator knows how many of its records remain.

    The cursor's state is one tuple that is replaced as a whole, because another thread may read it.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch
        self._at: tuple[Batch, Sequence[Any], Sequence[Any], Iterator[Any]] | None = None

    def over(self, batch: Batch, records: Sequence[Any], items: Sequence[Any]) -> Iterator[Any]:
        """Iterate over `items`, the records as the mapper takes them; the cursor stays on the last one taken."""
        remaining = iter(items)
        self._at = (batch, records, items, remaining)
        return self._watched(remaining, self._watch) if self._watch else remaining

    def _watched(self, remaining: Iterator[Any], watch: Watch) -> Iterator[Any]:
        for item in remaining:
            watch(self.position)
            yield item

    def leave(self) -> None:
        """No record is being mapped any more."""
        self._at = None

    @property
    def place(self) -> tuple[str, int] | None:
        """The record's file, as its path below the input, and its offset there; None if it comes from no file."""
        if not (current := self._current()):
            return None
        batch, _, _, number = current
        return batch.place_of(number)

    @property
    def item(self) -> Any:
        """What the mapper was called with."""
        current = self._current()
        return current[2][current[3]] if current else None

    @property
    def record(self) -> Any:
        """The record itself."""
        current = self._current()
        return current[1][current[3]] if current else None

    @property
    def alone(self) -> bytes | None:
        """A file of the input's format that holds nothing but the record; None if it is of no file."""
        current = self._current()
        return current[0].alone(current[3]) if current else None

    @property
    def position(self) -> Position | None:
        """Where the record is, with its first characters; None between records."""
        if not (current := self._current()):
            return None
        batch, records, _, number = current
        return batch.position_of(number, records[number])

    def _current(self) -> tuple[Batch, Sequence[Any], Sequence[Any], int] | None:
        """The batch, its records, its items, and the number of the one taken last; None if none was taken."""
        if self._at is None:
            return None
        batch, records, items, remaining = self._at
        number = len(items) - length_hint(remaining) - 1
        return (batch, records, items, number) if number >= 0 else None
