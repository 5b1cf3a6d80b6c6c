"""Intake: a map task's collector takes in what the mapper gives, and goes to disk when it has outgrown the memory."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from fanfold_steps.batches import Batch
from fanfold_steps.budget import Budget, resident
from fanfold_steps.collectors import Collector
from fanfold_steps.cursor import Cursor
from fanfold_steps.failure import NOT_OF_USER_CODE, PermanentFailure
from fanfold_steps.mappers import Check, Mapper, wrong_pair
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.spills import deep_size

Begin = Callable[[], Collector]

_FEW_PAIRS, _MOST_PAIRS = 16, 1 << 16
_DEPTH = 5  # the list, a pair, and what its value holds


class Intake:
    """One attempt's collector. `begin` makes a new one when `spill` has put all that it held on disk."""

    def __init__(self, begin: Begin, spill: Callable[[Collector], None], budget: Budget) -> None:
        self._begin = begin
        self._spill = spill
        self._budget = budget
        self.collector = begin()
        """What took in everything since the last spill."""
        self._bare = resident()

    def make_room(self) -> None:
        """Between two batches of records: spill if the memory is full."""
        self._empty_if_full(self.collector.size())

    def finish(self, mapper: Mapper, cursor: Cursor) -> None:
        """Take in what the mapper's `finish` gives, some pairs at once. It may give all that there is: the memory is
        looked at whenever a quarter more has come. Raises PermanentFailure, Unforeseen."""
        cursor.leave()
        held, came = self.collector.look(), 0
        try:
            for pairs in _pieces(_looked_at(mapper.finish(), self.collector.check), self._budget.piece):
                came += deep_size(pairs, _DEPTH)
                if came > held // 4:
                    held, came = self.collector.look(), 0
                    self._empty_if_full(held)
                self.collector.fold(lambda given: given, iter([pairs]))
        except (PermanentFailure, *NOT_OF_USER_CODE):
            raise
        except BaseException as error:  # sys.exit() in it, too, is the mapper's failure
            raise mapper.failure(error, cursor) from error

    def _empty_if_full(self, size: int) -> None:
        if self._budget.is_full(size, self._bare):
            self._spill(self.collector)
            self.collector = self._begin()


def fold(
    collector: Collector, mapper: Mapper, batch: Batch, cursor: Cursor, quarantine: Quarantine | None = None
) -> int:
    """Take in what the mapper gives for a batch; how many records that is, with those put aside."""
    records = batch.records() if quarantine else good(batch)
    try:
        collector.fold(mapper.call, cursor.over(batch, records, mapper.items(batch, records)))
    except NOT_OF_USER_CODE:
        raise
    except BaseException as error:  # sys.exit() in a mapper, too, is the mapper's failure
        raise mapper.failure(error, cursor, collector.check) from error
    if quarantine is None:
        demand_good(batch)
    else:
        quarantine.end_batch(batch)
    return len(records) + len(batch.bad)


def good(batch: Batch) -> list[Any]:
    """The records up to the first that is none."""
    records = batch.records()
    return records[: batch.bad[0].number] if batch.bad else records


def demand_good(batch: Batch) -> None:
    """Raise PermanentFailure if there is something that is no record."""
    if batch.bad:
        raise batch.failure(batch.bad[0])


def _looked_at(pairs: Iterable[Any], check: Check) -> Iterator[Any]:
    """What a mapper's `finish` gives, looked at pair by pair: it can't be run once more to explain it."""
    for pair in pairs:
        if problem := wrong_pair(pair, check):
            raise PermanentFailure("mapper", f"{problem} (from the mapper's finish)")
        yield pair


def _pieces(pairs: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Pairs in lists of about `size` bytes; how many that makes is learned from the one before."""
    most = _FEW_PAIRS
    while piece := list(islice(pairs, most)):
        yield piece
        most = max(1, min(len(piece) * size // deep_size(piece, _DEPTH), 4 * most, _MOST_PAIRS))
