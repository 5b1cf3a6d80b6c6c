"""The reduce step of a join of tables: joins the rows of a partition, in ranges of keys if memory demands it."""

from collections.abc import Iterator
from itertools import chain

import polars as pl

from fanfold_steps.formats.lines import LineRecords
from fanfold_steps.formats.separated.frames import Texts
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tables.json_rows import LEFT, RIGHT, JSONRows
from fanfold_steps.tables.keys import numbered, sorted_by
from fanfold_steps.tables.matching import Alone, Matching
from fanfold_steps.tables.planned import PlannedJoin
from fanfold_steps.tables.ranges import Ranges
from fanfold_steps.tables.runs import Segment, read_segment

_ROWS = 1 << 14  # that are written at once: few enough for a processor's caches
_SWELLING = 3  # how much more rows take while they are joined
Tables = tuple[pl.DataFrame, pl.DataFrame]


class TableReduceStep:
    """Joins the rows of partitions."""

    def __init__(self, setup: StageSetup) -> None:
        self._planned = PlannedJoin.of(setup)
        self._rows = JSONRows(self._planned)
        self._held = setup.budget.held // _SWELLING
        self._piece = setup.budget.share // 8

    def records(self, attempt: Attempt, inputs: StageInputs) -> LineRecords:
        """The joined rows of the task's partition. Raises StorageError."""
        return LineRecords(self._blocks(attempt, inputs.segments(read_segment, attempt.task.index)), "jsonl")

    def _blocks(self, attempt: Attempt, segments: list[Segment]) -> Iterator[bytes]:
        alone = Alone()
        with Scratch() as scratch:
            yield from self._joined(segments, Ranges(self._planned, scratch, self._piece), alone)
        for name, count in zip(self._planned.join.unmatched, (alone.lefts, alone.rights), strict=True):
            if count:
                attempt.context.count("join", name, count)

    def _joined(self, segments: list[Segment], ranges: Ranges, alone: Alone) -> Iterator[bytes]:
        """The joined rows as lines; those of several ranges one after the other."""
        size = sum(segment.size for segment in segments)
        parts = ranges.cut(segments, -(-size // self._held) + 1) if size > self._held else []
        if len(parts) > 1:
            for part in parts:
                yield from self._joined(part, ranges, alone)
        elif parts:
            yield from self._of_one_key(segments, alone)
        else:
            tables = self._table(list(_frames(segments, 0)), 0), self._table(list(_frames(segments, 1)), 1)
            yield from self._lines(tables, self._matching(tables, alone, self._planned.join.keeps), _texts(segments))

    def _of_one_key(self, segments: list[Segment], alone: Alone) -> Iterator[bytes]:
        """The same for more rows of one key than fit into memory: all of the left ones are held, as they are by
        records, and the right ones are read one frame after the other."""
        texts, keys, keeps = _texts(segments), self._planned.keys, self._planned.join.keeps
        lefts, none = self._table(list(_frames(segments, 0)), 0), self._table([], 1)
        seen = none.select(keys[1])
        for frame in _frames(segments, 1):
            tables, part = (lefts, self._table([frame], 1)), Alone()
            yield from self._lines(tables, self._matching(tables, part, (False, keeps[1])), texts)
            alone.rights += part.rights
            seen = pl.concat([seen, frame.select(keys[1])]).unique()
        unmatched = lefts.join(seen, left_on=keys[0], right_on=keys[1], how="anti", maintain_order="left"), none
        yield from self._lines(unmatched, self._matching(unmatched, alone, keeps), texts)

    def _matching(self, tables: Tables, alone: Alone, keeps: tuple[bool, bool]) -> Matching:
        keys = self._planned.keys
        texts = [[table[name] for name in columns] for table, columns in zip(tables, keys, strict=True)]
        as_read = numbered(*texts)
        places = as_read
        if any("k0" in table.columns for table in tables):
            places = numbered(*(sorted_by(table, columns) for table, columns in zip(tables, keys, strict=True)))
        return Matching(places, as_read, keeps, alone)

    def _lines(self, tables: Tables, matching: Matching, texts: Texts) -> Iterator[bytes]:
        named = zip(tables, (LEFT, RIGHT), self._planned.tables, strict=True)
        lefts, rights = (
            table.select(pl.col(str(at)).alias(f"{side}{at}") for at in range(len(columns)))
            for table, side, columns in named
        )
        for pairs in matching.pairs():
            for some in pairs.iter_slices(_ROWS):
                rows = pl.concat([lefts[some["left"]], rights[some["right"]]], how="horizontal")
                yield self._rows.written(rows, texts)

    def _table(self, frames: list[pl.DataFrame], number: int) -> pl.DataFrame:
        """Rows of a table in one piece, from which rows are taken quickest."""
        if any("k0" in frame.columns for frame in frames):
            frames = [self._with_normal(frame, number) for frame in frames]
        empty = pl.DataFrame(schema={str(at): pl.String for at in range(len(self._planned.tables[number]))})
        return pl.concat(frames, rechunk=True) if frames else empty

    def _with_normal(self, frame: pl.DataFrame, number: int) -> pl.DataFrame:
        if "k0" in frame.columns:
            return frame
        return frame.with_columns(pl.col(name).alias(f"k{at}") for at, name in enumerate(self._planned.keys[number]))


def _frames(segments: list[Segment], table: int) -> Iterator[pl.DataFrame]:
    return chain.from_iterable(segment.frames() for segment in segments if segment.table == table)


def _texts(segments: list[Segment]) -> Texts:
    return max(segment.texts for segment in segments)
