"""What doesn't fit into memory at once: the rows of a partition on disk, in ranges of keys."""

from collections import Counter
from collections.abc import Iterator
from itertools import count

import polars as pl

from fanfold_steps.crash_points import around
from fanfold_steps.formats.separated.frames import Texts
from fanfold_steps.memory.scratch import Scratch
from fanfold_steps.sorting import keys
from fanfold_steps.sorting.partitions import boundaries_of
from fanfold_steps.tables.keys import key_values, sorted_by
from fanfold_steps.tables.planned import PlannedJoin
from fanfold_steps.tables.runs import Packed, RunWriter, Segment, packed, read_segment

MOST_RANGES = 64
_SAMPLE = 64  # one row of so many


class Ranges:
    """Cuts a partition's rows into ranges, each of which is written as a run of its own."""

    def __init__(self, planned: PlannedJoin, scratch: Scratch, piece: int) -> None:
        self._planned = planned
        self._scratch = scratch
        self._piece = piece
        self._numbers = count()

    def cut(self, segments: list[Segment], wanted: int) -> list[list[Segment]]:
        """The segments' rows in about so many ranges, in order; one if all have the same key. Raises StorageError."""
        boundaries = self._boundaries(segments, min(wanted, MOST_RANGES))
        if not boundaries:
            return [segments]
        runs = [self._written(segment, boundaries) for segment in segments]
        objects = self._scratch.objects
        return [[read_segment(objects, *run, place) for run in runs] for place in range(len(boundaries) + 1)]

    def _written(self, segment: Segment, boundaries: list[list[str]]) -> tuple[str, int]:
        key = f"range-{next(self._numbers)}.run"
        with around("spill"):
            return key, self._scratch.spill(key, self._chunks(segment, boundaries))

    def _chunks(self, segment: Segment, boundaries: list[list[str]]) -> Iterator[bytes]:
        writer, size = RunWriter(segment.table), 0
        held: list[list[Packed]] = [[] for _ in range(len(boundaries) + 1)]
        for frame in segment.frames():
            columns = sorted_by(frame, self._planned.keys[segment.table])
            places = _places(columns, boundaries)
            for number, part in enumerate(held):
                part.append(packed(frame.filter(places == number)))
                size += len(part[-1].body)
            if size >= self._piece:
                yield from writer.piece(held, segment.texts)
                held, size = [[] for _ in held], 0
        yield from writer.piece(held, segment.texts)
        yield writer.end()

    def _boundaries(self, segments: list[Segment], wanted: int) -> list[list[str]]:
        """The keys with which ranges begin but the first; none if there is only one key."""
        weights: Counter[bytes] = Counter()
        for segment in segments:
            for frame in segment.frames():
                columns = sorted_by(frame, self._planned.keys[segment.table])
                some = [column.gather_every(_SAMPLE) for column in columns]
                ends = [pl.concat([column.head(1), one]) for column, one in zip(columns, some, strict=True)]
                weights.update(map(keys.encode, key_values(ends, Texts.ANY)))
                if len(weights) == 1:
                    other = pl.any_horizontal(pl.all() != pl.all().first())
                    differing = _framed(columns).filter(other).head(1)
                    weights.update(map(keys.encode, key_values(differing.get_columns(), Texts.ANY)))
        if len(weights) < 2:
            return []
        found = boundaries_of(weights, wanted) or [max(weights)]
        return [[key] if isinstance(key, str) else list(key) for key in map(keys.decode, found)]


def _places(columns: list[pl.Series], boundaries: list[list[str]]) -> pl.Series:
    """The range of each row: how many boundaries aren't above its key."""
    frame = _framed(columns)
    not_below = [~_below(frame.columns, boundary) for boundary in boundaries]
    return frame.select(place=pl.sum_horizontal(one.cast(pl.UInt32) for one in not_below))["place"]


def _framed(columns: list[pl.Series]) -> pl.DataFrame:
    return pl.DataFrame([column.alias(str(at)) for at, column in enumerate(columns)])


def _below(names: list[str], boundary: list[str]) -> pl.Expr:
    first, least = pl.col(names[0]), pl.lit(boundary[0])
    if len(names) == 1:
        return first < least
    return (first < least) | ((first == least) & _below(names[1:], boundary[1:]))
