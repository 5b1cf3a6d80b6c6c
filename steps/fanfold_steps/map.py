"""Map: run the mapper over what a task reads; combine, and write one run with a sorted segment for each partition."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from fanfold_steps import keys, runs, value_order
from fanfold_steps.aggregations import Sum, build
from fanfold_steps.batches import Batch, Batches
from fanfold_steps.budget import DEFAULT, Budget
from fanfold_steps.careful import careful
from fanfold_steps.code import Code
from fanfold_steps.collectors import Collector, Groups, States, TextGroups, Totals, Unforeseen
from fanfold_steps.combining import combined
from fanfold_steps.context import Context
from fanfold_steps.crash_points import around
from fanfold_steps.cursor import Cursor
from fanfold_steps.failure import NOT_OF_USER_CODE, PermanentFailure, of_user_code, raised_in_user_code
from fanfold_steps.intake import Begin, Intake, fold
from fanfold_steps.mappers import Mapper, checked
from fanfold_steps.partitions import Partition, by_function, by_hash, by_ranges
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import Aggregate, Function, StageSpec
from fanfold_steps.spills import Spills
from fanfold_steps.total_order import Weigh
from fanfold_storage.objects import Objects


class _Untidy(Exception):
    """A batch failed, and bad records may be skipped: the task begins anew, and looks at each record by itself."""


class MapTask:
    """The map step of one stage that has a reducer, ready to run over splits."""

    def __init__(
        self,
        stage: StageSpec,
        partitions: int,
        code: Code,
        budget: Budget = DEFAULT,
        boundaries: Callable[[Weigh], list[bytes]] | None = None,
    ) -> None:
        self._stage = stage
        self._budget = budget
        self._boundaries = boundaries
        self._partitions = partitions
        self._code = code
        self._aggregation = build(stage.reduce) if isinstance(stage.reduce, Aggregate | list) else None
        self._is_quick = True
        combine = stage.combine
        self._combiner = code.part(combine.function, "combiner", 2) if isinstance(combine, Function) else None
        self._is_careful = False

    def run(
        self, mapper: Mapper, batches: Batches, objects: Objects, key: str, begin_lines: Begin | None = None
    ) -> dict[str, Any]:
        """Map what a task reads and write its run under `key`; returns what the commit records.

        For a reducer that is a program `begin_lines` makes what takes in what the mapper gives.

        Raises:
            PermanentFailure: the user's code raised or gave what can't be taken; with the record's position.
        """
        quarantine = self._code.quarantine()
        try:
            with Scratch() as scratch:
                record, segments = self._mapped(mapper, batches, Spills(scratch, self._budget), quarantine, begin_lines)
                with around("map.run"):
                    size = objects.put(key, runs.pack(segments, self._budget.block))
                return {**record, "bytes": size, **(quarantine.store(objects, key) if quarantine else {})}
        except _Untidy:  # for later tasks, too: bad records seldom come alone
            self._is_careful = True
            return self.run(mapper, batches, objects, key, begin_lines)
        except Unforeseen:  # rare; this task begins anew, and later ones look at everything from the start
            self._is_quick = False
            return self.run(mapper, batches, objects, key, begin_lines)
        except runs.Unpicklable as error:
            raise PermanentFailure("mapper", str(error)) from error

    def _collector(self, context: Context, *, is_quick: bool) -> Collector:
        if isinstance(self._aggregation, Sum) and is_quick:
            return Totals()
        if self._aggregation:
            return States(self._aggregation)
        combiner = self._combiner.begin(context) if self._combiner else None
        groups = TextGroups if is_quick else Groups
        return groups(combiner, value_order.EXTRA if self._stage.sort_values else 0)

    def _mapped(
        self,
        mapper: Mapper,
        batches: Batches,
        spills: Spills,
        quarantine: Quarantine | None,
        begin_lines: Begin | None,
    ) -> tuple[dict[str, Any], Iterable[Iterable[runs.Item]]]:
        """What the commit records, and a sorted segment for each partition."""
        cursor = Cursor()
        context = self._code.context(cursor)
        begin = begin_lines or partial(self._collector, context, is_quick=self._is_quick)
        with self._code.following(cursor):
            mapper = mapper.begin(context)
            if not mapper.generates:
                mapper = replace(mapper, call=checked(mapper.call, pairs=True))
            intake = Intake(begin, lambda full: spills.write(self._segments(full)), self._budget)
            if quarantine and self._is_careful:
                mapper = careful(mapper, cursor, context.tally, quarantine, intake.collector.check)
            records = self._take_in(intake, mapper, batches, cursor, quarantine)
        segments: Iterable[Iterable[runs.Item]] = self._segments(intake.collector)
        if len(spills):
            spills.write(segments)
            segments = self._merged(spills)  # which needs the memory that the collector held
        return {"records": records, "read": batches.size, "counters": context.counters()}, segments

    def _take_in(
        self, intake: Intake, mapper: Mapper, batches: Batches, cursor: Cursor, quarantine: Quarantine | None
    ) -> int:
        """All that the mapper gives; how many records were read."""
        records = 0
        for number, batch in enumerate(batches):
            if number:
                intake.make_room()
            try:
                records += fold(intake.collector, mapper, batch, cursor, quarantine)
            except PermanentFailure as failure:
                if quarantine and not self._is_careful and isinstance(failure.__cause__, Exception):
                    raise _Untidy from failure
                raise
        intake.finish(mapper, cursor)
        return records

    @cached_property
    def _partition(self) -> Partition:
        if self._stage.partition:
            part = self._code.part(self._stage.partition.function, "partitioner", 2)
            return by_function(part.begin(self._code.context()).call, self._partitions, self._code.root)
        if self._stage.order and self._partitions > 1:
            assert self._boundaries
            return by_ranges(self._boundaries(self._weigh))
        return by_hash(self._partitions)

    def _weigh(self, sample: Iterable[tuple[Mapper, Batch]]) -> dict[bytes, int]:
        """The keys that a sample gives, each with how many values or states it has."""
        cursor = Cursor()
        context = self._code.context(cursor)  # what is counted here doesn't count
        collector = self._collector(context, is_quick=False)
        with self._code.following(cursor):
            for mapper, batches in groupby(sample, key=itemgetter(0)):
                begun = mapper.begin(context)
                for _, batch in batches:
                    with suppress(PermanentFailure):  # whoever maps that record will tell
                        fold(collector, begun, batch, cursor)
        weights: Counter[bytes] = Counter()
        with self._explained():
            for key, value in collector.items():
                weights[key] += len(value) if type(value) is list else 1
        return weights

    def _segments(self, collector: Collector) -> list[list[runs.Item]]:
        segments: list[list[runs.Item]] = [[] for _ in range(self._partitions)]
        with self._explained():
            items = list(collector.items())
            placed = zip(items, self._partition([key for key, _ in items]), strict=True)
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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What goes wrong while a collector gives out its items is the mapper's failure, or the combiner's."""
        try:
            yield
        except keys.UnsortableKey as error:
            raise PermanentFailure("mapper", str(error)) from error
        except (PermanentFailure, *NOT_OF_USER_CODE):
            raise
        except BaseException as error:
            if not raised_in_user_code(error.__traceback__):
                raise PermanentFailure("combiner", f"{type(error).__name__}: {error}") from error
            raise of_user_code("combiner", error, self._code.root, None) from error

    def _merged(self, spills: Spills) -> Iterator[Iterable[runs.Item]]:
        for partition in range(self._partitions):
            blocks = spills.merged(partition)
            yield chain.from_iterable(combined(self._aggregation, blocks) if self._aggregation else blocks)
