"""Map: run the mapper over a split, combine, and write one run with a sorted segment for each partition."""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from fanfold_steps import keys, runs
from fanfold_steps.aggregations import Sum, build
from fanfold_steps.budget import DEFAULT, Budget, resident
from fanfold_steps.code import Code
from fanfold_steps.collectors import Collector, Groups, NotWhole, States, Totals
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure, Position, of_user_code, preview, raised_in_user_code, shown
from fanfold_steps.formats import BadRecord, Block, open_source, read, reader
from fanfold_steps.formats.declared import InputFormat, Text
from fanfold_steps.inputs import File, Range
from fanfold_steps.loops import Mapper
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import Function, StageSpec
from fanfold_steps.spills import Spills, combined
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url, open_objects


class MapTask:
    """The map step of one stage, ready to run over splits."""

    def __init__(
        self,
        stage: StageSpec,
        files: list[File],
        partitions: int,
        code: Code,
        format: InputFormat | None = None,
        budget: Budget = DEFAULT,
    ) -> None:
        self._budget = budget
        self._format = format or Text()
        self._reader = reader(self._format)
        self._files = files
        self._partitions = partitions
        self._code = code
        self._mapper: Mapper = code.function(stage.map.function, "mapper", 1)
        self._aggregation = None if isinstance(stage.reduce, Function) else build(stage.reduce)
        self._is_whole_sum = isinstance(self._aggregation, Sum)
        self._combiner = code.function(stage.combine.function, "combiner", 2) if stage.combine else None
        self._stores: dict[str, Objects] = {}

    def run(self, split: list[Range], objects: Objects, key: str) -> dict[str, Any]:
        """Map a split and write its run under `key`; returns what the commit records.

        Raises:
            PermanentFailure: the user's code raised or gave what can't be taken; with the record's position.
        """
        try:
            with Scratch() as scratch:
                return self._run(split, objects, key, Spills(scratch, self._budget))
        except NotWhole:  # rare: a float came late; this task begins anew, and later ones are careful from the start
            self._is_whole_sum = False
            return self.run(split, objects, key)
        except runs.Unpicklable as error:
            raise PermanentFailure("mapper", str(error)) from error

    def _collector(self) -> Collector:
        if self._is_whole_sum:
            return Totals()
        return States(self._aggregation) if self._aggregation else Groups(self._combiner)

    def _run(self, split: list[Range], objects: Objects, key: str, spills: Spills) -> dict[str, Any]:
        collector = self._collector()
        records, bare = 0, resident()
        for number, start, stop in split:
            file = self._files[number]
            self._refuse_changed(file)
            source = open_source(self._store(file.root), file.key, self._format.compress, self._budget.piece)
            for block in read(self._reader, source, start, stop):
                found = block.records()
                if block.bad:
                    self._fold(collector, found[: block.bad[0].number], file, block)
                    raise _no_record(block.bad[0], self._format, source.url)
                self._fold(collector, found, file, block)
                records += len(found)
                if self._budget.is_full(collector.size(), bare):
                    spills.write(self._segments(collector))
                    collector = self._collector()
        segments: Iterable[Iterable[runs.Item]] = self._segments(collector)
        if len(spills):
            spills.write(segments)
            segments = self._merged(spills)
            del collector  # the merge needs the memory
        with around("map.run"):
            size = objects.put(key, runs.pack(segments, self._budget.block))
        return {"records": records, "bytes": size, "read": sum(stop - start for _, start, stop in split)}

    def _refuse_changed(self, file: File) -> None:
        """Splits were cut for the file as it was; mixing two versions of it would give an answer that neither has."""
        now = self._store(file.root).stat(file.key)
        if now.size != file.size or int(now.modified) != int(file.modified):  # S3's HEAD tells whole seconds only
            url = join_url(file.root, file.key)
            raise PermanentFailure("input", f"{url} was changed after the job began: submit the job anew")

    def _fold(self, collector: Collector, records: list[Any], file: File, block: Block) -> None:
        remaining = iter(records)
        try:
            collector.fold(self._mapper, remaining)
        except BaseException as error:  # sys.exit() in a mapper, too, is the mapper's failure
            number = len(records) - sum(1 for _ in remaining) - 1
            record = records[number]
            position = Position(join_url(file.root, file.key), block.offset_of(number), preview(record))
            if raised_in_user_code(error.__traceback__):
                raise of_user_code("mapper", error, self._code.root, position) from error
            problem = _explain(self._mapper, record, collector) or f"{type(error).__name__}: {shown(error)}"
            raise PermanentFailure("mapper", problem, position=position) from error

    def _segments(self, collector: Collector) -> list[list[runs.Item]]:
        segments: list[list[runs.Item]] = [[] for _ in range(self._partitions)]
        try:
            for item in collector.items():
                segments[keys.partition(item[0], self._partitions)].append(item)
        except keys.UnsortableKey as error:
            raise PermanentFailure("mapper", str(error)) from error
        except (PermanentFailure, NotWhole):
            raise
        except BaseException as error:
            if not raised_in_user_code(error.__traceback__):
                raise PermanentFailure("combiner", f"{type(error).__name__}: {error}") from error
            raise of_user_code("combiner", error, self._code.root, None) from error
        for segment in segments:
            segment.sort(key=itemgetter(0))
        return segments

    def _merged(self, spills: Spills) -> Iterator[Iterable[runs.Item]]:
        for partition in range(self._partitions):
            items = spills.merged(partition)
            yield combined(self._aggregation, items) if self._aggregation else items

    def _store(self, root: str) -> Objects:
        if root not in self._stores:
            self._stores[root] = open_objects(root)
        return self._stores[root]


def _no_record(bad: BadRecord, format: InputFormat, url: str) -> PermanentFailure:
    position = Position(url, bad.offset, preview(bad.text))
    return PermanentFailure("input", f"this is no {format.format} record: {bad.problem}", position=position)


def _explain(mapper: Mapper, record: Any, collector: Collector) -> str | None:
    """What is wrong with what a mapper gave for a record, found by running it once more; None if it can't be told."""
    try:
        return _wrong_result(mapper(record), collector)
    except Exception:  # noqa: BLE001 — the mapper may do something else the second time
        return None


def _wrong_result(emitted: Any, collector: Collector) -> str | None:
    if not hasattr(emitted, "__iter__"):
        kind = "None" if emitted is None else type(emitted).__name__
        return f"the mapper returned {kind}: let it yield (key, value) pairs, or return a list of them"
    for pair in emitted:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return f"the mapper must give (key, value) pairs, but gave {shown(pair)}"
        try:
            keys.encode(pair[0])
        except keys.UnsortableKey as error:
            return str(error)
        if problem := collector.check(pair[1]):
            return f"{problem}, for the key {shown(pair[0])}"
    return None
