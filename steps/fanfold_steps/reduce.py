"""Reduce: bring one partition's segments of all runs together in key order, and reduce them to records."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

from fanfold_steps import keys, runs, value_order
from fanfold_steps.aggregations import Aggregation, build
from fanfold_steps.budget import DEFAULT, Budget, resident
from fanfold_steps.calling import Part
from fanfold_steps.code import Code
from fanfold_steps.combining import combined, merge_into
from fanfold_steps.context import Context
from fanfold_steps.counters import Tally
from fanfold_steps.failure import NOT_OF_USER_CODE, PermanentFailure, of_user_code, raised_in_user_code, shown
from fanfold_steps.merge import Segment, merge
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.returned import wrong_return
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import Aggregate, Function, StageSpec
from fanfold_steps.spills import size_of

MOST_KEPT = 100_000  # records of one key, held back where a key that fails is put aside
_TOO_MANY = f"the reducer gave more than {MOST_KEPT:,} records, too many to hold back, as on_error=Skip() asks for"
LOOK_ITEMS = 65536  # between two looks at the memory
Segments = Callable[[int], list[Segment]]
"""The segments of a partition, one a map task, in the order of the maps: which is input order."""


class ReduceTask:
    """The reduce step of one stage, ready to run over partitions."""

    def __init__(self, stage: StageSpec, segments: Segments, code: Code, budget: Budget = DEFAULT) -> None:
        self._budget = budget
        self._segments = segments
        self._code = code
        self._sorts_values = stage.sort_values
        self._aggregation: Aggregation | None = None
        self._reducer: Part | None = None
        if isinstance(stage.reduce, Function):
            self._reducer = code.part(stage.reduce.function, "reducer", 2)
        elif isinstance(stage.reduce, Aggregate | list):
            self._aggregation = build(stage.reduce)

    def records(self, partition: int, context: Context, quarantine: Quarantine | None = None) -> Iterator[Any]:
        """What a partition reduces to, one record after the other, as it is asked for.

        Raises:
            PermanentFailure: the user's code raised.
        """
        with Scratch() as scratch:
            try:
                if self._aggregation:
                    yield from self._aggregated(partition, self._aggregation, scratch)
                else:
                    yield from self._reduced(partition, scratch, context, quarantine)
            except runs.Unpicklable as error:
                raise PermanentFailure("mapper", str(error)) from error

    def _aggregated(self, partition: int, aggregation: Aggregation, scratch: Scratch) -> Iterator[tuple[keys.Key, Any]]:
        """Through a dict of all keys; or, if they don't fit into memory, by merging the segments."""
        states = self._collected(partition, aggregation)
        items: Iterable[runs.Item]
        if states is None:
            items = chain.from_iterable(combined(aggregation, self._merged(partition, scratch)))
        else:
            items = ((key, states[key]) for key in sorted(states))
        for encoded, state in items:
            yield keys.decode(encoded), aggregation.result(state)

    def _collected(self, partition: int, aggregation: Aggregation) -> dict[bytes, Any] | None:
        """The partition's states; None if they don't fit."""
        states: defaultdict[bytes, Any] = defaultdict(int)
        items = chain.from_iterable(chain.from_iterable(self._segments(partition)))
        looks = max(64, min(self._budget.piece // 16, LOOK_ITEMS))
        bare = resident()
        while batch := list(islice(items, looks)):
            merge_into(states, aggregation, batch)
            if self._budget.is_full(size_of(states), bare):
                return None
        return states

    def _reduced(
        self, partition: int, scratch: Scratch, context: Context, quarantine: Quarantine | None
    ) -> Iterator[Any]:
        assert self._reducer
        reducer = self._reducer.begin(context)
        items = chain.from_iterable(self._merged(partition, scratch))
        for key, values in value_order.grouped(items) if self._sorts_values else _grouped(items):
            if quarantine is None:
                yield from self._call(reducer.call, key, values)
            else:
                yield from self._tried(reducer.call, key, values, context.tally, quarantine)
        yield from reducer.finish()

    def _merged(self, partition: int, scratch: Scratch) -> Segment:
        return merge(self._segments(partition), scratch, self._budget)

    def _tried(
        self, reducer: Callable[..., Any], key: keys.Key, values: Iterable[Any], tally: Tally, quarantine: Quarantine
    ) -> Iterator[Any]:
        """What the reducer gives for a key, held back until it has ended well; nothing for a key that is put aside."""
        tally.mark()
        quarantine.keys += 1
        kept: list[Any] = []
        try:
            for record in self._call(reducer, key, values):
                kept.append(record)
                if len(kept) > MOST_KEPT:
                    raise PermanentFailure("reducer", f"{_TOO_MANY} (for the key {shown(key)})")
        except PermanentFailure as failure:
            cause = failure.__cause__
            if failure.kind != "reducer" or not isinstance(cause, Exception) or isinstance(cause, MemoryError):
                raise
            tally.take_back()
            quarantine.add_key(shown(key), failure)
            return
        yield from kept

    def _call(self, reducer: Callable[..., Any], key: keys.Key, values: Iterable[Any]) -> Iterator[Any]:
        try:
            records = reducer(key, values)
            if problem := wrong_return("the reducer", records):
                raise PermanentFailure("reducer", f"{problem} (for the key {shown(key)})")
            yield from records
        except (PermanentFailure, *NOT_OF_USER_CODE):
            raise  # the values are read from the store while the reducer runs: its errors are none of the reducer's
        except BaseException as error:
            if not raised_in_user_code(error.__traceback__):
                raise PermanentFailure(
                    "reducer", f"{type(error).__name__}: {error} (for the key {shown(key)})"
                ) from error
            failure = of_user_code("reducer", error, self._code.root, None)
            failure.message += f" (for the key {shown(key)})"
            raise failure from error


def _grouped(items: Iterable[runs.Item]) -> Iterator[tuple[keys.Key, Iterator[Any]]]:
    for encoded, group in groupby(items, key=itemgetter(0)):
        yield keys.decode(encoded), chain.from_iterable(map(itemgetter(1), group))
