"""Reduce: bring one partition's segments of all runs together in key order, and reduce them to records."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

from fanfold_steps.aggregations import Aggregation, build
from fanfold_steps.failure.blame import KeyBlame, of_key
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.job.spec import Aggregate, Function
from fanfold_steps.memory.budget import resident
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.memory.sizes import size_of
from fanfold_steps.memory.taken import all_taken
from fanfold_steps.outputs.quarantine import Quarantine
from fanfold_steps.records.combining import combined, merge_into, result
from fanfold_steps.records.named_results import ResultRows
from fanfold_steps.sorting import keys, runs
from fanfold_steps.sorting import secondary as value_order
from fanfold_steps.sorting.merge import Segment, merge
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.counters import Tally
from fanfold_steps.user_code.calling import UserFunction
from fanfold_steps.user_code.returned import wrong_return

MOST_KEPT = 100_000  # records of one key, held back where a key that fails is put aside
_TOO_MANY = f"the reducer emitted more than {MOST_KEPT:,} records, too many to hold back, as on_error=Skip() asks for"
LOOK_ITEMS = 65536  # between two looks at the memory


class RecordReduceStep:
    """The reduce step of a stage whose reducer is a function or an aggregation."""

    def __init__(self, setup: StageSetup) -> None:
        reduce = setup.stage.reduce
        self._rows = ResultRows(setup.stage, as_text=setup.writes_text) if isinstance(reduce, dict) else None
        self._budget = setup.budget
        self._code = setup.code
        self._sorts_values = setup.stage.sort_values
        self._aggregation: Aggregation | None = None
        self._reducer: UserFunction | None = None
        if isinstance(reduce, Function):
            self._reducer = setup.code.function(reduce.function, "reducer", 2)
        elif isinstance(reduce, Aggregate | list | dict):
            self._aggregation = build(reduce)

    def records(self, attempt: Attempt, inputs: StageInputs) -> Iterator[Any]:
        """What the task's partition reduces to. Raises PermanentFailure, StorageError."""
        partition = attempt.task.index
        with Scratch() as scratch:
            try:
                if self._aggregation:
                    results = self._aggregated(inputs, partition, self._aggregation, scratch)
                    yield from self._rows.of(results) if self._rows else results
                else:
                    yield from self._reduced(attempt, self._merged(inputs, partition, scratch))
            except runs.Unpicklable as error:
                raise PermanentFailure("mapper", str(error)) from error

    def _aggregated(
        self, inputs: StageInputs, partition: int, aggregation: Aggregation, scratch: Scratch
    ) -> Iterator[tuple[keys.Key, Any]]:
        """Through a dict of all keys; or, if they don't fit into memory, by merging the segments."""
        states = self._collected(inputs, partition, aggregation)
        items: Iterable[runs.Item]
        if states is None:
            items = chain.from_iterable(combined(aggregation, self._merged(inputs, partition, scratch)))
        else:
            items = ((key, states[key]) for key in sorted(states))
        for encoded, state in items:
            yield keys.decode(encoded), result(aggregation, encoded, state)

    def _collected(self, inputs: StageInputs, partition: int, aggregation: Aggregation) -> dict[bytes, Any] | None:
        """The partition's states; None if they don't fit."""
        states: defaultdict[bytes, Any] = defaultdict(int)
        items = chain.from_iterable(chain.from_iterable(inputs.segments(runs.read_blocks, partition)))
        looks = max(64, min(self._budget.piece // 16, LOOK_ITEMS))
        bare = resident()
        while batch := list(islice(items, looks)):
            merge_into(states, aggregation, batch)
            if self._budget.is_full(size_of(states), bare):
                return None
        return states

    def _merged(self, inputs: StageInputs, partition: int, scratch: Scratch) -> Segment:
        return merge(inputs.segments(runs.read_blocks, partition), scratch, self._budget)

    def _reduced(self, attempt: Attempt, merged: Segment) -> Iterator[Any]:
        assert self._reducer
        begun = self._reducer.begin(attempt.context)
        reducer = _Reducer(begun.call, KeyBlame("reducer", self._code.root))
        items = chain.from_iterable(merged)
        for key, values in value_order.grouped(items) if self._sorts_values else _grouped(items):
            if attempt.quarantine is None:
                yield from reducer.records(key, values)
            else:
                yield from reducer.records_or_skip(key, values, attempt.context.tally, attempt.quarantine)
        yield from all_taken(begun.finish())


class _Reducer:
    """The user's reducer at work."""

    def __init__(self, call: Callable[..., Any], blame: KeyBlame) -> None:
        self._call = call
        self._blame = blame

    def records(self, key: keys.Key, values: Iterable[Any]) -> Iterator[Any]:
        """What it emits for a key. Raises PermanentFailure."""
        self._blame.key = key
        with self._blame:  # the values are read from the store meanwhile, whose errors are none of the reducer's
            records = self._call(key, values)
            if problem := wrong_return("the reducer", records):
                raise PermanentFailure("reducer", f"{problem}{of_key(key)}")
            yield from all_taken(records)

    def records_or_skip(
        self, key: keys.Key, values: Iterable[Any], tally: Tally, quarantine: Quarantine
    ) -> Iterator[Any]:
        """What it emits for a key, held back until it has ended well; nothing for a key that is quarantined."""
        tally.mark()
        quarantine.keys += 1
        kept: list[Any] = []
        try:
            for record in self.records(key, values):
                kept.append(record)
                if len(kept) > MOST_KEPT:
                    raise PermanentFailure("reducer", f"{_TOO_MANY}{of_key(key)}")
        except PermanentFailure as failure:
            cause = failure.__cause__
            if failure.kind != "reducer" or not isinstance(cause, Exception) or isinstance(cause, MemoryError):
                raise
            tally.take_back()
            quarantine.add_key(shown(key), failure)
            return
        yield from kept


def _grouped(items: Iterable[runs.Item]) -> Iterator[tuple[keys.Key, Iterator[Any]]]:
    for encoded, group in groupby(items, key=itemgetter(0)):
        yield keys.decode(encoded), chain.from_iterable(map(itemgetter(1), group))
