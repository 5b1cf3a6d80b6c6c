"""Map by records: run the mapper over what a task reads; combine, and write one run with a sorted segment for each
partition. Without a reducer the mapper's records are the stage's own."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from fanfold_steps.aggregations import Sum, build
from fanfold_steps.failure.blame import Blame
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.batches import Batches, good
from fanfold_steps.job.spec import Aggregate, Function
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.memory.taken import all_taken
from fanfold_steps.memory.watch import watched
from fanfold_steps.records.buffer import MapOutputBuffer, any_value, end_batch, fold
from fanfold_steps.records.collectors import (
    AggregationStates,
    Collector,
    FastPathMissed,
    IntegerSums,
    TextValueLists,
    ValueLists,
)
from fanfold_steps.records.combining import combined
from fanfold_steps.records.mappers import BegunMapper, Mapper
from fanfold_steps.records.named_results import RecordFields
from fanfold_steps.sorting import keys, runs
from fanfold_steps.sorting import secondary as value_order
from fanfold_steps.sorting.partitions import Partition, by_function, by_hash, by_place, by_ranges
from fanfold_steps.sorting.spills import Spills
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import Sample, StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.commit import Commit, Written
from fanfold_steps.user_code.context import Context
from fanfold_steps.user_code.loading import Code

HEAVY = 64
"""Values of a key in what a task collects at once, from which on the key may be one of the heaviest."""


class BadRecordMet(Exception):
    """A batch failed, and bad records may be skipped: the task starts over, and maps each record by itself."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an attempt maps, and with what."""

    attempt: Attempt
    inputs: StageInputs
    mapper: Mapper
    batches: Batches
    begin_lines: Callable[[], Collector] | None = None
    """Makes the collector for a reducer that is a program; None if it is a function or an aggregation."""


class RecordMapStep:
    """The map step of a stage that has a reducer."""

    def __init__(self, setup: StageSetup) -> None:
        stage, code = setup.stage, setup.code
        self._stage = stage
        self._code = code
        self._budget = setup.budget
        self._partitions = setup.partitions
        fields = RecordFields.of(stage)
        self._mappers = {name: Mapper.of(one.map, code, fields) for name, one in setup.inputs.items()}
        self._aggregation = build(stage.reduce) if isinstance(stage.reduce, Aggregate | list | dict) else None
        self._check = self._aggregation.check if self._aggregation else any_value
        combine = stage.combine
        self._combiner = code.function(combine.function, "combiner", 2) if isinstance(combine, Function) else None
        self._partition: Partition | None = None
        self._is_quick = True
        self._is_skipping = False

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Map what the task reads and write its run. Raises PermanentFailure, StorageError."""
        batches = inputs.batches(attempt.task)
        mapper = self._mappers[inputs.input_of(attempt.task)]
        return attempt.commit(self.write_run(Work(attempt, inputs, mapper, batches)), read=batches.size)

    def write_run(self, work: Work) -> Written:
        """Write the run of an attempt, and return how many records were read and how large the run is.

        Raises:
            PermanentFailure: the user's code raised, or emitted something invalid; with the record's position.
        """
        try:
            with Scratch() as scratch:
                records, segments = self._map(work, Spills(scratch, self._budget))
                return Written(records, work.attempt.put_run(runs.pack(segments, self._budget.block)))
        except BadRecordMet:  # for later tasks, too: bad records seldom come alone
            self._is_skipping = True
        except FastPathMissed:  # rare; this task starts over, and later ones check everything from the start
            self._is_quick = False
        except runs.Unpicklable as error:
            raise PermanentFailure("mapper", str(error)) from error
        work.attempt.restart()
        return self.write_run(work)

    def _map(self, work: Work, spills: Spills) -> tuple[int, Iterable[Iterable[runs.Item]]]:
        """How many records were read, and a sorted segment for each partition."""
        attempt = work.attempt
        begin = work.begin_lines or partial(self._collector, attempt.context, is_quick=self._is_quick)
        with self._code.following(attempt.cursor):
            is_skipping = self._is_skipping and attempt.quarantine is not None
            mapper = work.mapper.begin(attempt, self._check, is_skipping=is_skipping)
            buffer = MapOutputBuffer(begin(), partial(self._spill, work, spills), self._budget)
            with watched(self._budget, buffer.collector.interrupt):
                records = self._take_in(buffer, mapper, work)
        segments: Iterable[Iterable[runs.Item]] = self._segments(buffer.collector, work)
        if len(spills):
            spills.write(segments)
            segments = self._merged(spills)  # which needs the memory that the collector held
        return records, segments

    def _collector(self, context: Context, *, is_quick: bool) -> Collector:
        if isinstance(self._aggregation, Sum) and is_quick:
            return IntegerSums()
        if self._aggregation:
            return AggregationStates(self._aggregation)
        combiner = partial(self._combiner.begin, context) if self._combiner else None
        groups = TextValueLists if is_quick else ValueLists
        return groups(combiner, value_order.EXTRA if self._stage.sort_values else 0)

    def _take_in(self, buffer: MapOutputBuffer, mapper: BegunMapper, work: Work) -> int:
        """Collect all that the mapper emits; returns how many records were read."""
        records = 0
        for number, batch in enumerate(work.batches):
            if number:
                buffer.make_room()
            try:
                records += buffer.take_in(mapper, batch, work.attempt)
            except PermanentFailure as failure:
                may_skip = work.attempt.quarantine and not self._is_skipping
                if may_skip and isinstance(failure.__cause__, Exception):
                    raise BadRecordMet from failure
                raise
        work.attempt.cursor.leave()
        buffer.finish(mapper)
        return records

    def _spill(self, work: Work, spills: Spills, full: Collector) -> None:
        spills.write(self._segments(full, work))

    def _segments(self, collector: Collector, work: Work) -> list[list[runs.Item]]:
        segments: list[list[runs.Item]] = [[] for _ in range(self._partitions)]
        with _EmissionBlame("combiner", self._code.root):
            items = list(collector.items())
            numbers = self._partition_by(work)([key for key, _ in items])
            if items and type(items[0][1]) is list:  # values reach the reducer one by one
                numbers = list(numbers)
                _weigh_keys(items, numbers, work.attempt)
            placed = zip(items, numbers, strict=True)
            if self._stage.sort_values:
                for item, number in placed:
                    segments[number].extend(value_order.spread(*item))
            elif len(segments) == 1:
                segments = [items]
            else:
                for item, number in placed:
                    segments[number].append(item)
        for segment in segments:
            segment.sort(key=itemgetter(0))
        return segments

    def _partition_by(self, work: Work) -> Partition:
        """How keys are partitioned: settled by the first task, as a total order needs its input."""
        if self._partition is None:
            if self._stage.fields:
                self._partition = by_place()
            elif self._stage.partition:
                part = self._code.function(self._stage.partition.function, "partitioner", 2)
                function = part.begin(self._code.context()).call
                self._partition = by_function(function, self._partitions, self._code.root)
            elif self._stage.order and self._partitions > 1:
                self._partition = by_ranges(work.inputs.boundaries(partial(self._weigh, work.attempt.rehearsal())))
            else:
                self._partition = by_hash(self._partitions)
        return self._partition

    def _weigh(self, attempt: Attempt, sample: Sample) -> dict[bytes, int]:
        """The keys that are mapped from a sample, each with how many values or states it has."""
        collector = self._collector(attempt.context, is_quick=False)
        with self._code.following(attempt.cursor):
            for name, batches in groupby(sample, key=itemgetter(0)):
                mapper = self._mappers[name].begin(attempt, self._check)
                for _, batch in batches:
                    with suppress(PermanentFailure):  # whoever maps that record will tell
                        deque(fold(collector, mapper, batch, good(batch), attempt.cursor), maxlen=0)
        weights: Counter[bytes] = Counter()
        with _EmissionBlame("combiner", self._code.root):
            for key, value in collector.items():
                weights[key] += len(value) if type(value) is list else 1
        return weights

    def _merged(self, spills: Spills) -> Iterator[Iterable[runs.Item]]:
        for partition in range(self._partitions):
            blocks = spills.merged(partition)
            yield chain.from_iterable(combined(self._aggregation, blocks) if self._aggregation else blocks)


def _weigh_keys(items: list[runs.Item], partitions: list[int], attempt: Attempt) -> None:
    """Note the keys with the most values. Only those with many are looked at closely: there may be millions of keys."""
    sizes = list(map(len, map(itemgetter(1), items)))
    heavy: Counter[tuple[bytes, int]] = Counter()
    for at in [at for at, size in enumerate(sizes) if size >= HEAVY]:
        heavy[bytes(items[at][0]), partitions[at]] += sizes[at]
    attempt.heavy_keys.add(heavy, sum(sizes), HEAVY - 1)


class _EmissionBlame(Blame):
    """An exception while a collector yields its items is the combiner's failure; a wrong key is the mapper's."""

    def failure(self, error: BaseException) -> PermanentFailure:
        if isinstance(error, keys.UnsortableKey):
            return PermanentFailure("mapper", str(error))
        return super().failure(error)


class MapOnlyStep:
    """The map step of a stage without a reducer: what the mapper emits goes on as it comes."""

    def __init__(self, setup: StageSetup) -> None:
        self._code = setup.code
        self._sink = setup.sink
        self._mappers = {name: Mapper.of(one.map, setup.code) for name, one in setup.inputs.items()}

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Map what the task reads into the stage's output. Raises PermanentFailure, StorageError."""
        batches = inputs.batches(attempt.task)
        mapped = _Mapped(self._mappers[inputs.input_of(attempt.task)], batches, attempt, self._code)
        written = self._sink.write(attempt.task, attempt.name, mapped, "mapper")
        return attempt.commit(replace(written, records=mapped.read), read=batches.size)


class _Mapped:
    """What the mapper emits for all that a task reads, one record after the other, as it is asked for."""

    def __init__(self, mapper: Mapper, batches: Batches, attempt: Attempt, code: Code) -> None:
        self._mapper = mapper
        self._batches = batches
        self._attempt = attempt
        self._code = code
        self.read = 0
        """How many records were read."""

    def __iter__(self) -> Iterator[Any]:
        attempt = self._attempt
        with self._code.following(attempt.cursor):
            mapper = self._mapper.begin(attempt, is_skipping=attempt.quarantine is not None)
            for batch in self._batches:
                records = batch.records() if attempt.quarantine else good(batch)
                items = attempt.cursor.over(batch, records, mapper.items(batch, records))
                with mapper.blame:
                    yield from all_taken(chain.from_iterable(map(mapper.call, items)))
                self.read += len(records) + len(batch.bad)
                end_batch(batch, attempt)
            attempt.cursor.leave()
            yield from all_taken(mapper.finish())
