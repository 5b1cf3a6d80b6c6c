"""Which record is being mapped: found out when somebody asks, so that nothing has to be noted for each record."""

from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from typing import Any, ClassVar

from fanfold_steps.batches import Batch
from fanfold_steps.failure import Position


class Cursor:
    """Follows a map attempt through its batches. A batch's iterator tells how many of its records remain.

    What it stands on is one tuple, replaced whole: another thread may ask, too.
    """

    watch: ClassVar[Callable[[Position | None], None] | None] = None
    """Hears of every record before it is mapped. Costly: for a task at which processes die."""

    def __init__(self) -> None:
        self._at: tuple[Batch, Sequence[Any], Sequence[Any], Iterator[Any]] | None = None

    def over(self, batch: Batch, records: Sequence[Any], items: Sequence[Any]) -> Iterator[Any]:
        """A batch's records as the mapper takes them, one by one, with the cursor on the one that was taken last."""
        remaining = iter(items)
        self._at = (batch, records, items, remaining)
        return self._watched(remaining) if Cursor.watch else remaining

    def _watched(self, remaining: Iterator[Any]) -> Iterator[Any]:
        for item in remaining:
            if Cursor.watch:
                Cursor.watch(self.position)
            yield item

    def leave(self) -> None:
        """No record is being mapped any more."""
        self._at = None

    @property
    def place(self) -> tuple[str, int] | None:
        """The record's file, by its path below the input, and its offset there; None where there is none."""
        if not (found := self._found()):
            return None
        batch, _, _, number = found
        return batch.place_of(number)

    @property
    def item(self) -> Any:
        """What the mapper was given."""
        found = self._found()
        return found[2][found[3]] if found else None

    @property
    def record(self) -> Any:
        """The record itself."""
        found = self._found()
        return found[1][found[3]] if found else None

    @property
    def position(self) -> Position | None:
        """Where the record is, with its first characters; None between records."""
        if not (found := self._found()):
            return None
        batch, records, _, number = found
        return batch.position_of(number, records[number])

    def _found(self) -> tuple[Batch, Sequence[Any], Sequence[Any], int] | None:
        if self._at is None:
            return None
        batch, records, items, remaining = self._at
        number = len(items) - length_hint(remaining) - 1
        return (batch, records, items, number) if number >= 0 else None
