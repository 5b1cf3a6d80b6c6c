"""The buffer of a map task: a collector takes in what the mapper emits, and spills when it outgrows the memory."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.batches import Batch, demand_good, good
from fanfold_steps.inputs.cursor import Cursor
from fanfold_steps.memory.blocks import BlockLength
from fanfold_steps.memory.budget import Budget, resident
from fanfold_steps.memory.sizes import deep_size
from fanfold_steps.memory.taken import taken
from fanfold_steps.records.collectors import Collector
from fanfold_steps.records.mappers import BegunMapper
from fanfold_steps.records.pairs import Check, wrong_pair
from fanfold_steps.stage.attempt import Attempt

_FEW_PAIRS, _MOST_PAIRS = 16, 1 << 16
_DEPTH = 5  # the list, a pair, and what its value holds


class MapOutputBuffer:
    """One attempt's collector, which `spill` writes to disk when it outgrows the memory."""

    def __init__(self, collector: Collector, spill: Callable[[Collector], None], budget: Budget) -> None:
        self.collector = collector
        """What took in everything since the last spill."""
        self._spill = spill
        self._budget = budget
        self._bare = resident()

    def take_in(self, mapper: BegunMapper, batch: Batch, attempt: Attempt) -> int:
        """Take in what the mapper emits for a batch; how many records that is, with the bad ones.

        Raises PermanentFailure, FastPathMissed.
        """
        records = batch.records() if attempt.quarantine else good(batch)
        for _ in fold(self.collector, mapper, batch, records, attempt.cursor):
            self._empty_if_full(self.collector.measure())
        end_batch(batch, attempt)
        return len(records) + len(batch.bad)

    def make_room(self) -> None:
        """Between two batches of records: spill if the memory is full."""
        self._empty_if_full(self.collector.size())

    def finish(self, mapper: BegunMapper) -> None:
        """Take in what the mapper's `finish` emits, in blocks of pairs. There may be any number of pairs, so the
        collector is measured whenever a quarter more has come. Raises PermanentFailure, FastPathMissed."""
        held, came = self.collector.measure(), 0
        length = BlockLength(self._budget.piece, _FEW_PAIRS, _MOST_PAIRS)
        with mapper.blame:
            pairs = _checked(mapper.finish(), mapper.blame.check or any_value)
            while block := list(islice(pairs, length.items)):
                size = deep_size(block, _DEPTH)
                length.learn(len(block), size)
                came += size
                if came > held // 4:
                    held, came = self.collector.measure(), 0
                    self._empty_if_full(held)
                for _ in self.collector.fold(_given, iter([block])):
                    pass  # a block is small enough to be measured as a whole

    def _empty_if_full(self, size: int) -> None:
        if self._budget.is_full(size, self._bare):
            self._spill(self.collector)
            self.collector.clear()


def fold(collector: Collector, mapper: BegunMapper, batch: Batch, records: list[Any], cursor: Cursor) -> Iterator[None]:
    """Collect what the mapper emits for a batch's records; yields when the collector should be measured.

    Raises PermanentFailure, FastPathMissed.
    """
    with mapper.blame:
        yield from collector.fold(mapper.call, cursor.over(batch, records, mapper.items(batch, records)))


def end_batch(batch: Batch, attempt: Attempt) -> None:
    """Quarantine what couldn't be read as records in a batch. Raises PermanentFailure: the job doesn't skip them."""
    if attempt.quarantine is None:
        demand_good(batch)
    else:
        attempt.quarantine.end_batch(batch)


def any_value(value: object) -> None:
    """The check that any value passes."""


def _checked(pairs: Iterable[Any], check: Check) -> Iterator[Any]:
    """What a mapper's `finish` emits, checked pair by pair: it can't be run once more to explain it."""
    for pair in pairs:
        if problem := wrong_pair(pair, check):
            raise PermanentFailure("mapper", f"{problem} (from the mapper's finish)")
        yield taken(pair)


def _given(pairs: list[Any]) -> list[Any]:
    return pairs
