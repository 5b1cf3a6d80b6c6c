"""Reduce: bring one partition's segments of all runs together in key order, reduce, and stage the part that results."""

import hashlib
import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from fanfold_steps import keys, runs
from fanfold_steps.aggregations import AGGREGATIONS, Sum
from fanfold_steps.code import Code
from fanfold_steps.failure import PermanentFailure, of_user_code, raised_in_user_code, shown, user_traceback
from fanfold_steps.formats import text
from fanfold_steps.spec import Aggregate, StageSpec
from fanfold_storage.errors import StorageError
from fanfold_storage.objects import Objects
from fanfold_storage.objects.filesystem import FilesystemObjects

WRITE_RECORDS = 8192
FAN_IN = 64  # segments merged at once
Segments = Callable[[int], list[Iterator[runs.Item]]]
"""The segments of a partition, one a map task, in the order of the maps: which is input order."""


class ReduceTask:
    """The reduce step of one stage, ready to run over partitions."""

    def __init__(self, stage: StageSpec, segments: Segments, code: Code) -> None:
        self._segments = segments
        self._code = code
        self._aggregation = AGGREGATIONS[stage.reduce.aggregate] if isinstance(stage.reduce, Aggregate) else None
        self._reducer: Callable[..., Any] | None = None
        if not isinstance(stage.reduce, Aggregate):
            self._reducer = code.function(stage.reduce.function, "reducer", 2)

    def run(self, partition: int, output: Objects) -> dict[str, Any]:
        """Reduce a partition into a staged part; returns what the commit records, the part's handle among it.

        Raises:
            PermanentFailure: the user's code raised or gave what can't be written.
        """
        name = f"part-{partition:05d}{text.SUFFIX}"
        records = self._aggregated(partition, self._aggregation) if self._aggregation else self._reduced(partition)
        staged = output.stage(name)
        try:
            count, size, digest = 0, 0, hashlib.sha256()
            while block := list(islice(records, WRITE_RECORDS)):
                data = self._encode(block)
                staged.write(data)
                digest.update(data)
                count += len(block)
                size += len(data)
            handle = staged.seal()
        except runs.Unpicklable as error:
            staged.abort()
            raise PermanentFailure("mapper", str(error)) from error
        except BaseException:
            staged.abort()
            raise
        return {"part": name, "handle": handle, "records": count, "bytes": size, "sha256": digest.hexdigest()}

    def _encode(self, block: list[Any]) -> bytes:
        try:
            return b"".join(map(text.encode_record, block))
        except Exception as error:
            record = next(record for record in block if not _encodes(record))
            what = f"a record can't be written as text: {type(error).__name__}: {error} (the record {shown(record)})"
            raise PermanentFailure("reducer", what, trace=user_traceback(error, self._code.root)) from error

    def _aggregated(self, partition: int, aggregation: type[Sum]) -> Iterator[tuple[keys.Key, Any]]:
        totals: defaultdict[bytes, Any] = defaultdict(aggregation.zero)
        for segment in self._segments(partition):
            aggregation.merge(totals, segment)
        for encoded in sorted(totals):
            yield keys.decode(encoded), totals[encoded]

    def _reduced(self, partition: int) -> Iterator[Any]:
        with tempfile.TemporaryDirectory(prefix="fanfold-merge-") as folder:
            merged = _merged(self._segments(partition), FilesystemObjects(Path(folder)))
            for encoded, group in groupby(merged, key=itemgetter(0)):
                values = chain.from_iterable(map(itemgetter(1), group))
                yield from self._call(keys.decode(encoded), values)

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


def _encodes(record: object) -> bool:
    try:
        text.encode_record(record)
    except Exception:  # noqa: BLE001 — a user's __str__ may raise anything
        return False
    return True


def _merged(segments: list[Iterator[runs.Item]], scratch: Objects) -> Iterator[runs.Item]:
    """All items by key; those of equal keys stay in the order of the segments, which is input order.

    Each open segment holds a file or a connection, so more than `FAN_IN` neighbours are first merged into runs on disk
    (external merge sort: Knuth, The Art of Computer Programming, vol. 3, 5.4.1).
    """
    passes = 0
    while len(segments) > FAN_IN:
        passes += 1
        groups = [segments[at : at + FAN_IN] for at in range(0, len(segments), FAN_IN)]
        segments = [_stored(_merge(group), f"{passes}-{number}.run", scratch) for number, group in enumerate(groups)]
    return _merge(segments)


def _merge(segments: list[Iterator[runs.Item]]) -> Iterator[runs.Item]:
    return heapq.merge(*segments, key=itemgetter(0))


def _stored(items: Iterator[runs.Item], key: str, scratch: Objects) -> Iterator[runs.Item]:
    size = scratch.put(key, runs.pack([items]))
    return runs.read_segment(scratch, key, size, 0)


def _wrong_result(result: object) -> str:
    kind = "None" if result is None else type(result).__name__
    return f"the reducer returned {kind}: let it yield records, or return a list of them"
