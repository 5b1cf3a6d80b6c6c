"""Reduce: bring one partition's segments of all runs together in key order, reduce, and stage the part that results."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

from fanfold_steps import keys, runs
from fanfold_steps.aggregations import Aggregation, build
from fanfold_steps.budget import DEFAULT, Budget, resident
from fanfold_steps.code import Code
from fanfold_steps.collectors import merge_into
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure, of_user_code, raised_in_user_code, shown, user_traceback
from fanfold_steps.formats import Encoder, writer
from fanfold_steps.formats.declared import OutputFormat, Text
from fanfold_steps.merge import merge
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import Function, StageSpec
from fanfold_steps.spills import combined, size_of
from fanfold_storage.errors import StorageError
from fanfold_storage.objects import Objects

WRITE_RECORDS = 8192
LOOK_ITEMS = 65536  # between two looks at the memory
Segments = Callable[[int], list[Iterator[runs.Item]]]
"""The segments of a partition, one a map task, in the order of the maps: which is input order."""


class ReduceTask:
    """The reduce step of one stage, ready to run over partitions."""

    def __init__(
        self,
        stage: StageSpec,
        segments: Segments,
        code: Code,
        format: OutputFormat | None = None,
        budget: Budget = DEFAULT,
    ) -> None:
        self._budget = budget
        self._format = format or Text()
        self._writer = writer(self._format)
        self._segments = segments
        self._code = code
        self._aggregation: Aggregation | None = None
        self._reducer: Callable[..., Any] | None = None
        if isinstance(stage.reduce, Function):
            self._reducer = code.function(stage.reduce.function, "reducer", 2)
        else:
            self._aggregation = build(stage.reduce)

    def run(self, partition: int, output: Objects) -> dict[str, Any]:
        """Reduce a partition into a staged part; returns what the commit records, the part's handle among it.

        Raises:
            PermanentFailure: the user's code raised or gave what can't be written.
        """
        with Scratch() as scratch:
            if self._aggregation:
                records = self._aggregated(partition, self._aggregation, scratch)
            else:
                records = self._reduced(partition, scratch)
            return self._written(partition, records, output)

    def _written(self, partition: int, records: Iterator[Any], output: Objects) -> dict[str, Any]:
        name = f"part-{partition:05d}{self._writer.suffix}"
        with around("reduce.stage"):
            staged = output.stage(name)
        try:
            count, size, digest = 0, 0, hashlib.sha256()
            for number, data in self._encoded(records):
                staged.write(data)
                digest.update(data)
                count += number
                size += len(data)
            with around("reduce.seal"):
                handle = staged.seal()
        except runs.Unpicklable as error:
            staged.abort()
            raise PermanentFailure("mapper", str(error)) from error
        except BaseException:
            staged.abort()
            raise
        return {"part": name, "handle": handle, "records": count, "bytes": size, "sha256": digest.hexdigest()}

    def _encoded(self, records: Iterator[Any]) -> Iterator[tuple[int, bytes]]:
        """How many records went in, and the bytes that came out."""
        encoder = self._writer.begin()
        count = 64
        while block := list(islice(records, count)):
            try:
                data = encoder.encode(block)
            except Exception as error:
                raise self._unwritable(encoder, block, error) from error
            yield len(block), data
            fitting = len(block) * self._budget.piece // max(len(data), 1)
            count = max(1, min(fitting, 4 * count, WRITE_RECORDS))
        yield 0, encoder.end()

    def _unwritable(self, encoder: Encoder, block: list[Any], error: Exception) -> PermanentFailure:
        record = next((record for record in block if not _encodes(encoder, record)), None)
        what = f"a record can't be written as {self._format.format}: {type(error).__name__}: {error}"
        trace = user_traceback(error, self._code.root)
        return PermanentFailure("reducer", f"{what} (the record {shown(record)})", trace=trace)

    def _aggregated(self, partition: int, aggregation: Aggregation, scratch: Scratch) -> Iterator[tuple[keys.Key, Any]]:
        """Through a dict of all keys; or, if they don't fit into memory, by merging the segments."""
        states = self._collected(partition, aggregation)
        if states is None:
            items = combined(aggregation, self._merged(partition, scratch))
        else:
            items = ((key, states[key]) for key in sorted(states))
        for encoded, state in items:
            yield keys.decode(encoded), aggregation.result(state)

    def _collected(self, partition: int, aggregation: Aggregation) -> dict[bytes, Any] | None:
        """The partition's states; None if they don't fit."""
        states: defaultdict[bytes, Any] = defaultdict(int)
        items = chain.from_iterable(self._segments(partition))
        looks = max(64, min(self._budget.piece // 16, LOOK_ITEMS))
        bare = resident()
        while batch := list(islice(items, looks)):
            merge_into(states, aggregation, batch)
            if self._budget.is_full(size_of(states), bare):
                return None
        return states

    def _reduced(self, partition: int, scratch: Scratch) -> Iterator[Any]:
        for encoded, group in groupby(self._merged(partition, scratch), key=itemgetter(0)):
            values = chain.from_iterable(map(itemgetter(1), group))
            yield from self._call(keys.decode(encoded), values)

    def _merged(self, partition: int, scratch: Scratch) -> Iterator[runs.Item]:
        return merge(self._segments(partition), scratch, self._budget)

    def _call(self, key: keys.Key, values: Iterable[Any]) -> Iterator[Any]:
        assert self._reducer
        try:
            records = self._reducer(key, values)
            if records is None or isinstance(records, str | bytes | tuple):
                raise PermanentFailure("reducer", f"{_wrong_result(records)} (for the key {shown(key)})")
            yield from records
        except (PermanentFailure, GeneratorExit, StorageError, runs.Unpicklable):
            raise  # the values are read from the store while the reducer runs: its errors are none of the reducer's
        except BaseException as error:
            if not raised_in_user_code(error.__traceback__):
                raise PermanentFailure(
                    "reducer", f"{type(error).__name__}: {error} (for the key {shown(key)})"
                ) from error
            failure = of_user_code("reducer", error, self._code.root, None)
            failure.message += f" (for the key {shown(key)})"
            raise failure from error


def _encodes(encoder: Encoder, record: object) -> bool:
    try:
        encoder.encode([record])
    except Exception:  # noqa: BLE001 — a user's __str__ may raise anything
        return False
    return True


def _wrong_result(result: object) -> str:
    kind = "None" if result is None else type(result).__name__
    return f"the reducer returned {kind}: let it yield records, or return a list of them"
