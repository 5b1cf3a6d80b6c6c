"""How much is held, read and written at once: what comes out is the same for any size; these are the sizes."""

from collections.abc import Iterator
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import open_source, reader
from fanfold_steps.formats.separated.rows import RowParser
from fanfold_steps.inputs.cursor import Cursor
from fanfold_steps.job.formats import CSV, JSONL, Text
from fanfold_steps.job.spec import StageSpec
from fanfold_steps.lines import by_columns
from fanfold_steps.lines.by_columns import ScatterStep
from fanfold_steps.memory.budget import KIB, MIB, Budget
from fanfold_steps.memory.sizes import deep_size
from fanfold_steps.outputs.parts import WRITE_RECORDS, PartWriter
from fanfold_steps.programs.collector import PIECE_BYTES, LineCollector, in_blocks
from fanfold_steps.records.buffer import MapOutputBuffer
from fanfold_steps.records.mappers import BegunMapper, MapperBlame
from fanfold_steps.sorting import runs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.task import Task
from fanfold_storage.objects.filesystem import FilesystemObjects
from tests.steps.reading import Chunked

TASK = Task(0, "map", 0)
SMALL = Budget(16 * MIB)  # pieces and blocks of 128 KiB


class Noting:
    """A store in which a part is staged: the size of each piece that is written."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def stage(self, key: str) -> "Noting":
        return self

    def write(self, data: bytes) -> None:
        self.sizes.append(len(data))

    def seal(self) -> str:
        return "handle"


def written(records, budget=SMALL, format=Text()):  # noqa: B008
    store: Any = Noting()
    PartWriter(store, format, store, budget).write(TASK, "attempt", records, "mapper")
    return store.sizes


@pytest.mark.parametrize("length", [1, 100, 1000, 10_000])
def test_a_part_is_written_in_pieces_of_the_size_that_the_budget_names(length):
    line = "x" * (length - 1)
    sizes = written([line] * min(60_000, 4 * MIB // length))
    steady = sizes[4:-1]
    at_once = min(SMALL.piece // length, WRITE_RECORDS) * length
    assert steady
    assert all(0.9 * at_once <= size <= at_once for size in steady), sizes
    assert all(later <= 4 * before for before, later in pairwise(sizes))


def test_records_larger_than_a_piece_are_written_one_by_one():
    large = "x" * (3 * SMALL.piece)
    sizes = written([large] * 70)
    assert len(large) + 1 == min(sizes)
    assert sizes[1:] == [len(large) + 1] * 6  # the first look takes 64


def test_records_that_grow_are_looked_at_again():
    sizes = written(["x" * (16 << number // 64) for number in range(64 * 14)])
    assert max(sizes) <= 4 * 64 * (16 << 13), "never four times as many at once as made a piece before"


@pytest.mark.thorough
@pytest.mark.parametrize("length", [10, 1000])
def test_a_run_s_blocks_have_the_size_that_is_asked_for(tmp_path, length):
    store = FilesystemObjects(tmp_path)
    items = [(b"%08d" % number, "x" * length) for number in range(MIB // length)]
    size = store.put("run", runs.pack([items], 32 * KIB))
    *blocks, _ = [len(block) * (length + 20) for block in runs.read_blocks(store, "run", size, 0)]
    assert all(16 * KIB <= block <= 64 * KIB for block in blocks[8:]), blocks


def test_a_value_that_is_larger_than_a_block_stands_in_one_of_its_own(tmp_path):
    store = FilesystemObjects(tmp_path)
    items = [(b"a", "x"), *((b"b%03d" % number, "y" * 400 * KIB) for number in range(40)), (b"c", "z")]
    size = store.put("run", runs.pack([items], 64 * KIB))
    blocks = list(runs.read_blocks(store, "run", size, 0))
    assert list(chain.from_iterable(blocks)) == items
    assert max(map(len, blocks)) <= 2


class Reading(FilesystemObjects):
    """A store that notes how many bytes are read at most."""

    wanted = 0

    def read(self, key, start=0, stop=None):
        self.wanted = (stop or 0) - start
        return super().read(key, start, stop)


def test_a_run_is_read_from_a_record_on_without_the_blocks_before(tmp_path):
    store = Reading(tmp_path)
    items = [(b"%06d" % number, "x" * 50) for number in range(5000)]
    size = store.put("run", runs.pack([items], 8 * KIB))
    ends = list(accumulate(len(block) for block in runs.read_blocks(store, "run", size, 0)))
    assert len(ends) >= 6
    for first in (0, 1, ends[0] - 1, ends[0], ends[0] + 1, ends[4], 4999, 5000):
        assert list(runs.read_records(store, "run", size, first)) == items[first:]
    spans = []
    for first in (0, ends[0] - 1, ends[0], ends[1] - 1, ends[1]):
        list(runs.read_records(store, "run", size, first))
        spans.append(store.wanted)
    assert spans[0] == spans[1] > spans[2] == spans[3] > spans[4]


def test_a_key_s_lines_are_carried_in_pieces_and_their_size_is_known():
    lines = LineCollector()
    block = b"k\t" + b"x" * 997 + b"\n"
    bare = lines.size()
    for _ in range(200):
        lines.take(block)
    assert 200 * len(block) <= lines.size() - bare <= 200 * (len(block) + 250)
    pieces = [len(data) for _, data in lines.items()]
    assert len(pieces) > 3 and max(pieces) == PIECE_BYTES and sum(pieces) == 200 * len(block)


def test_the_size_of_many_keys_lines_counts_each_key():
    few, many = LineCollector(), LineCollector()
    few.take(b"k\t1\n" * 2000)
    many.take(b"".join(b"%05d\n" % number for number in range(2000)))
    assert many.size() - few.size() > 2000 * 200
    again = many.size()
    many.take(b"".join(b"%05d\n" % number for number in range(2000)))
    assert 2000 * 6 < many.size() - again <= again, "keys that are there take no more room than new ones"


def test_lines_that_don_t_come_again_are_tried_anew_later(monkeypatch):
    lines, tried = LineCollector(), 0
    counted = lines._counted

    def noting(block):
        nonlocal tried
        tried += 1
        return counted(block)

    monkeypatch.setattr(lines, "_counted", noting)
    for number in range(70):
        lines.take(b"".join(b"%d\t%d\n" % (number, line) for line in range(10)))
    assert tried == 3  # at blocks 0, 32 and 64
    for _ in range(30):
        lines.take(b"k\t1\n" * 10)
    assert tried == 3 + 4  # at block 96, where it is worth it from then on


def test_pieces_are_put_together_up_to_a_size():
    blocks = list(in_blocks([b"x" * 1000] * 5000))
    assert [len(block) for block in blocks] == [1_049_000] * 4 + [804_000]


def test_lines_are_taken_together_up_to_a_size_and_a_large_block_alone():
    blocks = [*[b"a\n" * 20, b"", b"b\n" * 20] * 2, b"c\n" * 20, b"d\n" * 60, b"e"]
    groups = list(by_columns._grouped(blocks, 80))
    assert [list(map(len, group)) for group, _ in groups] == [[40, 40], [40, 40], [40], [120], [2]]
    assert [is_last for _, is_last in groups] == [False, False, False, False, True]


@pytest.mark.parametrize(("share", "piece"), [(16 * MIB, MIB), (64 * MIB, 4 * MIB), (1024 * MIB, 8 * MIB)])
def test_what_is_scattered_at_once_follows_from_the_memory(share, piece):
    unused: Any = None
    assert ScatterStep(StageSetup(StageSpec(), {}, {}, unused, Budget(share), unused))._piece == piece


@pytest.mark.parametrize(
    ("share", "piece", "block", "fan_in"),
    [
        (1 * MIB, 8 * KIB, 8 * KIB, 2),
        (128 * KIB, 4 * KIB, KIB, 2),
        (16 * MIB, 128 * KIB, 128 * KIB, 4),
        (64 * MIB, 512 * KIB, 256 * KIB, 16),
        (4096 * MIB, MIB, 256 * KIB, 64),
    ],
)
def test_sizes_follow_from_the_share(share, piece, block, fan_in):
    budget = Budget(share)
    assert (budget.held, budget.piece, budget.block, budget.fan_in) == (share * 3 // 4, piece, block, fan_in)


def test_memory_is_full_by_the_estimate_or_by_what_the_process_takes(monkeypatch):
    budget, taken = Budget(800), [0]
    monkeypatch.setattr("fanfold_steps.memory.budget.resident", lambda: taken[0])
    assert not budget.is_full(600, 100)
    assert budget.is_full(601, 100)
    taken[0] = 900
    assert not budget.is_full(76, 100)
    taken[0] = 901
    assert not budget.is_full(75, 100), "what the process takes is held by something else"
    assert budget.is_full(76, 100)


class Collecting:
    """A collector that notes what it is given at once."""

    def __init__(self) -> None:
        self.pieces: list[list[Any]] = []
        self.held = 0

    check = staticmethod(lambda value: None)

    def size(self) -> int:
        return self.held

    measure = size

    def clear(self) -> None:
        self.pieces, self.held = [], 0

    def fold(self, mapper: Any, records: Any) -> Iterator[None]:
        for pairs in records:
            self.pieces.append(pairs)
            self.held += deep_size(pairs, 5)
        yield


def test_what_a_mapper_s_finish_gives_is_taken_in_by_pieces_and_spilled_in_between():
    collector: Any = Collecting()
    held: list[tuple[int, list[list[Any]]]] = []
    buffer = MapOutputBuffer(collector, lambda full: held.append((collector.held, collector.pieces)), SMALL)
    pairs = [(f"key {number}", "x" * 1000) for number in range(30_000)]
    call: Any = None
    blame = MapperBlame(Path(), Cursor(), call, None, keyed=False)
    buffer.finish(BegunMapper(call, lambda: iter(pairs), blame))
    assert len(held) >= 2
    assert all(size >= SMALL.held // 2 for size, _ in held)
    held.append((collector.held, collector.pieces))
    pieces = [piece for _, each in held for piece in each]
    assert list(chain.from_iterable(pieces)) == pairs
    assert all(size <= SMALL.held * 4 // 3 for size, _ in held), "a quarter more at most between two looks"
    assert all(SMALL.piece // 2 <= deep_size(piece, 5) <= 2 * SMALL.piece for piece in pieces[4:-1])


def blocks_of(format, data, chunk=1 << 16):
    store: Any = Chunked(data, chunk)
    return list(reader(format).blocks(open_source(store, "a.txt", None), 0, None))


@pytest.mark.parametrize("columns", [500, 1500, 12_000])
@pytest.mark.parametrize("rest", [b"", b"1," * 3])
def test_a_header_of_any_length_is_read_whole(columns, rest):
    """The first look takes 8 KiB; the header ends before, after it, and after the second look, too."""
    names = [f"column {number}" for number in range(columns)]
    rows = [[str(row + column) for column in range(columns)] for row in range(3)]
    data = "\n".join(map(",".join, [names, *rows])).encode() + (b"\n" if rest else b"")
    found = [record for block in blocks_of(CSV(), data) for record in block.records()]
    assert found == [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("length", [8191, 8192, 8193, 65_535, 65_536, 65_537])
def test_a_header_that_ends_where_a_look_ends(length):
    data = b'"' + b"x" * (length - 3) + b'"\n1\n'
    (block,) = blocks_of(CSV(), data)
    assert block.records() == [{"x" * (length - 3): "1"}]
    assert blocks_of(CSV(), data[:-3]) == []


def test_a_header_in_quotes_that_hold_lines_may_be_long():
    name = "long\n" * 4000
    (block,) = blocks_of(CSV(), f'"{name}",b\n1,2\n'.encode())
    assert block.records() == [{name: "1", "b": "2"}]


@pytest.mark.parametrize("bad", [1, 2500, 5999])
@pytest.mark.parametrize("row", ["7,8,9", '7,"8', '7,"8"x'])
def test_a_bad_row_in_a_long_file_is_told_with_its_place(bad, row):
    rows = [f"{number},x" for number in range(6000)]
    rows[bad] = row
    data = "\n".join(["a,b", *rows]).encode()
    blocks = blocks_of(CSV(quoted_newlines=False), data, 2000)
    assert len(blocks) > 10
    records, found, starts = [], [], []
    for block in blocks:
        records += block.records()
        found += [(each.number + len(records) - len(block.records()), each.offset, each.text) for each in block.bad]
        starts += list(block.offsets())[: len(block.records())]
    assert found == [(bad, data.index(row.encode()), row)]
    rows.pop(bad)
    assert [f"{record['a']},{record['b']}" for record in records] == rows
    assert all(
        data[start:].startswith(f"{record['a']},".encode()) for start, record in zip(starts, records, strict=True)
    )


def test_a_quoted_record_over_many_chunks_is_looked_through_a_few_times_only(monkeypatch):
    seen: list[int] = []
    sound = RowParser.sound

    def noting(self, data, offset):
        seen.append(len(data))
        return sound(self, data, offset)

    monkeypatch.setattr(RowParser, "sound", noting)
    value = "line\n" * 50_000
    blocks = blocks_of(CSV(), f'a,b\n1,"{value}"\n3,4\n'.encode(), 1000)
    assert [record for block in blocks for record in block.records()] == [{"a": "1", "b": value}, {"a": "3", "b": "4"}]
    assert len(seen) < 30
    assert sum(seen) < 4 * len(value)


@pytest.mark.parametrize("format", [Text(), JSONL()])
def test_a_record_larger_than_many_chunks_comes_whole(format):
    records = ["1", '"' + "x" * 300_000 + '"', "2"]
    blocks = blocks_of(format, "\n".join(records).encode(), 1000)
    found = [record for block in blocks for record in block.records()]
    assert found == (records if format == Text() else [1, "x" * 300_000, 2])


def test_a_header_that_never_ends_is_told(monkeypatch):
    monkeypatch.setattr("fanfold_steps.formats.separated.reader.LONGEST_QUOTED", 32 * KIB)
    with pytest.raises(PermanentFailure, match="the header doesn't end within"):
        blocks_of(CSV(), b'"' + b"x\n" * 400_000)
