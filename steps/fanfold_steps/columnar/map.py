"""Map of batches: the user's function over frames of a split, aggregated, in one run with a segment a partition."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from fanfold_steps import keys
from fanfold_steps.batches import Batches
from fanfold_steps.budget import Budget
from fanfold_steps.calling import Part
from fanfold_steps.code import Code
from fanfold_steps.columnar import segments
from fanfold_steps.columnar.frames import BLOCK_BYTES, InputFrame, frames
from fanfold_steps.columnar.grouping import Accumulator, Grouping
from fanfold_steps.columnar.python import python_values
from fanfold_steps.columnar.shape import framed, settled
from fanfold_steps.columnar.spills import FrameSpills
from fanfold_steps.context import Context
from fanfold_steps.crash_points import around
from fanfold_steps.failure import NOT_OF_USER_CODE, PermanentFailure, of_user_code
from fanfold_steps.key_bytes import TEXT
from fanfold_steps.partitions import by_hash
from fanfold_steps.scratch import Scratch
from fanfold_steps.spec import Batch, StageSpec
from fanfold_storage.objects import Objects


@dataclass(frozen=True, slots=True)
class FrameMapper:
    """The user's function of frames."""

    part: Part
    code: Code
    call: Callable[[pl.DataFrame], object] = pl.DataFrame

    @classmethod
    def of(cls, spec: Batch, code: Code) -> "FrameMapper":
        """The function that a spec names. Raises PermanentFailure."""
        return cls(code.part(spec.batch, "batch function", 1), code)

    def begin(self, context: Context) -> "FrameMapper":
        """The function for one attempt, with its context. Raises PermanentFailure."""
        return replace(self, call=self.part.begin(context).call)

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What it returns for a frame. Raises PermanentFailure."""
        try:
            return framed(self.call(frame))
        except (PermanentFailure, *NOT_OF_USER_CODE):
            raise
        except BaseException as error:  # sys.exit() in it, too, is its failure
            raise of_user_code("batch function", error, self.code.root, None) from error


class FrameMapTask:
    """The map step of a stage of batches, ready to run over splits."""

    def __init__(self, stage: StageSpec, partitions: int, budget: Budget) -> None:
        assert isinstance(stage.reduce, dict)
        self._reduce = stage.reduce
        self._needed = {name: one.aggregate != "Count" for name, one in stage.reduce.items()}
        self._partitions = partitions
        self._budget = budget

    def run(self, mapper: FrameMapper, batches: Batches, objects: Objects, key: str) -> dict[str, Any]:
        """Map what a task reads and write its run under `key`; returns what the commit records.

        Raises:
            PermanentFailure: the user's code raised or gave what can't be taken; with the place of its frame.
        """
        context, records = mapper.code.context(), 0
        mapper = mapper.begin(context)
        with Scratch() as scratch:
            spills = FrameSpills(scratch, self._budget)
            accumulator = Accumulator(self._reduce, self._budget, lambda full: self._spill(full, spills))
            for batch in frames(batches, min(self._budget.share // 32, BLOCK_BYTES)):
                self._add(batch, mapper, accumulator)
                records += batch.frame.height
            with around("map.run"):
                size = objects.put(key, self._run(accumulator, spills))
        return {"records": records, "bytes": size, "read": batches.size, "counters": context.counters()}

    def _add(self, input: InputFrame, mapper: FrameMapper, accumulator: Accumulator) -> None:
        try:
            rows, shape = settled(mapper.rows(input.frame), self._needed, escaped=input.escaped)
            accumulator.add_rows(rows, shape)
        except PermanentFailure as failure:
            first = input.frame.row(0, named=True)
            failure.position = input.batch.position_of(0, first if len(first) > 1 else next(iter(first.values())))
            raise

    def _run(self, accumulator: Accumulator, spills: FrameSpills) -> Iterator[bytes]:
        found = accumulator.take()
        if found is None:
            return segments.pack([[] for _ in range(self._partitions)], None)
        grouping, states = found
        parts = enumerate(self._partitioned(grouping, states if not spills else grouping.sorted(states)))
        return segments.pack((spills.merged(grouping, number, part) for number, part in parts), grouping.shape)

    def _spill(self, full: Accumulator, spills: FrameSpills) -> None:
        found = full.take()
        assert found
        grouping, states = found
        spills.write(grouping, self._partitioned(grouping, grouping.sorted(states)))

    def _partitioned(self, grouping: Grouping, states: pl.DataFrame) -> list[pl.DataFrame]:
        """The states of each partition."""
        if self._partitions == 1 or not states.height:
            return [states] * self._partitions
        places = _partitions(grouping, states, self._partitions)
        return [states.filter(places == number) for number in range(self._partitions)]


def _partitions(grouping: Grouping, states: pl.DataFrame, count: int) -> pl.Series:
    """The partition of each row: that of its key as a record's."""
    kinds = list(grouping.shape.keys.values())
    if kinds == ["text"] and not states[grouping.keys[0]].null_count():
        texts = states[grouping.keys[0]].to_list()
        return pl.Series(by_hash(count, TEXT)(texts), dtype=pl.UInt32)
    columns = [python_values(states[name], kind) for name, kind in grouping.shape.keys.items()]
    rows = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    return pl.Series(by_hash(count)(map(keys.encode, rows)), dtype=pl.UInt32)
