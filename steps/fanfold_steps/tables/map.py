"""The map step of a join of tables: reads rows as frames, and cuts them into partitions by their keys."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from fanfold_steps.formats.separated.frames import FrameBlock, FrameReader, Texts
from fanfold_steps.formats.table import TableReader
from fanfold_steps.inputs.batches import Batch, FileBatch, FileBatches, demand_good
from fanfold_steps.job.formats import InputFormat, Table
from fanfold_steps.memory.budget import MIB
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tables.keys import partitions, sorted_by, with_normal
from fanfold_steps.tables.planned import PlannedJoin
from fanfold_steps.tables.runs import Packed, RunWriter, packed
from fanfold_steps.tree.commit import Commit, Written

_UNIT = MIB  # of a file that is cut at once
_MOST_HELD = 64 * MIB  # of blocks, before they are written


class TableMapStep:
    """Cuts the rows of tables into partitions."""

    def __init__(self, setup: StageSetup) -> None:
        self._planned = PlannedJoin.of(setup)
        self._partitions = setup.partitions
        self._threads = setup.code.conf.workers.get("all", 1)
        self._piece = min(_UNIT, setup.budget.share // 32)
        self._held = min(_MOST_HELD, setup.budget.share // 8)

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Write the rows of each partition. Raises PermanentFailure, StorageError."""
        table = self._planned.inputs.index(inputs.input_of(attempt.task))
        batches = cast(FileBatches, inputs.batches(attempt.task))
        read = replace(batches, piece=self._piece, reads=_reader)
        records = 0

        def chunks() -> Iterator[bytes]:
            nonlocal records
            with ThreadPoolExecutor(self._threads) as pool:
                cut = _in_order(pool, partial(self._cut, table), read, 2 * self._threads)
                for rows, data in self._written(table, cut):
                    records += rows
                    yield data

        size = attempt.put_run(chunks())
        return attempt.commit(Written(records, size), read=batches.size)

    def _written(self, table: int, units: Iterable["_Unit"]) -> Iterator[tuple[int, bytes]]:
        """A run's bytes, with how many rows were read for them."""
        writer = RunWriter(table)
        held: list[list[Packed]] = [[] for _ in range(self._partitions)]
        size, texts = 0, Texts.SIMPLE
        for unit in units:
            yield unit.rows, b""
            for place, block in unit.blocks:
                held[place].append(block)
                size += len(block.body)
            texts = max(texts, unit.texts)
            if size >= self._held:
                yield from ((0, data) for data in writer.piece(held, texts))
                held, size, texts = [[] for _ in held], 0, Texts.SIMPLE
        yield from ((0, data) for data in writer.piece(held, texts))
        yield 0, writer.end()

    def _cut(self, table: int, batch: Batch) -> "_Unit":
        """The rows of a batch by their partitions. Raises PermanentFailure: something is no record of the format."""
        assert isinstance(batch, FileBatch)
        assert isinstance(batch.block, FrameBlock)
        frame, texts = batch.block.frame()
        demand_good(batch)
        columns, join = self._planned.keys[table], self._planned.join
        frame = with_normal(frame, columns, join.normal, join.is_normal, texts)
        parts = [frame]
        if self._partitions > 1:
            places = partitions(sorted_by(frame, columns), self._partitions, texts)
            parts = [frame.filter(places == number) for number in range(self._partitions)]
        return _Unit(frame.height, texts, [(place, packed(part)) for place, part in enumerate(parts) if part.height])


@dataclass(frozen=True, slots=True)
class _Unit:
    """Some rows of a table, in blocks each with its partition."""

    rows: int
    texts: Texts
    blocks: list[tuple[int, Packed]]


def _reader(format: InputFormat) -> TableReader:
    assert isinstance(format, Table)
    return TableReader(format, FrameReader)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Batch], _Unit], batches: Iterable[Batch], ahead: int
) -> Iterator[_Unit]:
    """What becomes of batches, in their order; a few are worked on at once."""
    waiting: deque[Future[_Unit]] = deque()
    for batch in batches:
        waiting.append(pool.submit(work, batch))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
