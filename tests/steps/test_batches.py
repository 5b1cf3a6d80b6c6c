"""Batches through whole jobs: the bytes of records for every cut and number of workers, and what is refused."""

import json
import math
import random
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fanfold_steps.columnar.reading import frames
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import open_source, read, reader
from fanfold_steps.formats.stand_ins import unescaped
from fanfold_steps.inputs.batches import FileBatch
from fanfold_steps.job.formats import CSV, JSONL, Text
from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, StageSpec
from tests.steps.conftest import run
from tests.steps.reading import Chunked, read_in_ranges

pytestmark = pytest.mark.thorough

HERE = "tests.steps.batch_functions"
SUM = {"n": Aggregate("Sum")}
CHANCE = random.Random(5)
WORDS = ["to", "be", "or", "not", "é", "日本", "\udcff\udc80", "\uff21", "\U0001f600", "", "a\rb", "\x01", "\t"]
LINES = [" ".join(CHANCE.choices(WORDS, k=CHANCE.randint(0, 6))) for _ in range(800)]
TEXT = "\n".join(LINES).encode("utf-8", "surrogateescape")


def stage(function: str, reduce: Any = SUM) -> StageSpec:
    return StageSpec(BatchFunction(f"{HERE}:{function}"), reduce)


@pytest.mark.parametrize(("split_size", "workers"), [(1024, 1), (1024, 4), (3000, 2), (1 << 26, 1)])
@pytest.mark.parametrize("function", ["words", "through_arrow"])
def test_words_have_the_bytes_that_records_have(small_job, tmp_path, function, split_size, workers):
    """Partition, order and text, whatever bytes it is of, are those of the same job by records."""
    small_job.write_input({"a.txt": TEXT, "b.txt": TEXT[:999] + b"\r\n"})
    ours = run(small_job, stage(function), partitions=3, split_size=split_size, workers=workers)
    records = type(small_job)(tmp_path / "records")
    records.write_input({"a.txt": TEXT, "b.txt": TEXT[:999] + b"\r\n"})
    assert ours == run(records, StageSpec(Function("tests.steps.functions:spaced"), Aggregate("Sum")), partitions=3)


def expected_rows():
    rows: dict[Any, list[int]] = {}
    for line in NUMBERED:
        key, number = line.split(" ")
        rows.setdefault((key, int(number) % 2 == 1), []).append(int(number))
    return [
        {"key": key, "odd": odd, "n": sum(rows[key, odd]), "share": max(n / 8 for n in rows[key, odd]),
         "last": rows[key, odd][-1], "times": len(rows[key, odd])}
        for key, odd in sorted(rows)
    ]  # fmt: skip


NUMBERED = [f"{CHANCE.choice('abcß')} {CHANCE.randint(-1000, 1000)}" for _ in range(900)]
SEVERAL = {"n": Aggregate("Sum"), "share": Aggregate("Max"), "last": Aggregate("Last"), "times": Aggregate("Count")}


@pytest.mark.parametrize(("split_size", "workers"), [(1024, 1), (1024, 2), (1 << 26, 1)])
def test_several_keys_and_aggregations_come_out_as_rows(small_job, split_size, workers):
    small_job.write_input({"a.txt": "\n".join(NUMBERED).encode()})
    sizes = {"partitions": 1, "split_size": split_size, "workers": workers}
    (part,) = run(small_job, stage("lines_in_rows", SEVERAL), output=JSONL(), **sizes).values()
    assert [json.loads(line) for line in part.splitlines()] == expected_rows()


def test_rows_are_text_by_tabs_and_csv_under_a_header(small_job, tmp_path):
    small_job.write_input({"a.txt": "\n".join(NUMBERED).encode()})
    (part,) = run(small_job, stage("lines_in_rows", SEVERAL), partitions=1).values()
    assert part.decode().splitlines() == ["\t".join(map(str, row.values())) for row in expected_rows()]
    again = type(small_job)(tmp_path / "csv")
    again.write_input({"a.txt": "\n".join(NUMBERED).encode()})
    (table,) = run(again, stage("lines_in_rows", SEVERAL), partitions=1, output=CSV()).values()
    assert table.decode() == "key,odd,n,share,last,times\n" + part.decode().replace("\t", ",")


def test_a_table_comes_in_as_its_columns(small_job):
    small_job.write_input({"a.csv": b"line,other\n" + b"a b,1\na,2\n" * 200, "empty.csv": b""})
    found = run(small_job, stage("words"), input=CSV(quoted_newlines=False), partitions=1)
    assert found == {"part-00000.txt": b"a\t400\nb\t200\n"}


OBJECTS: list[dict[str, Any]] = [
    {"line": CHANCE.choice(["a", "b é", None]), "x": number / 4 if number % 5 else number, "y": {"z": [number]}}
    for number in range(1500)
]
BY_LINE = {"x": Aggregate("Sum"), "first": Aggregate("First"), "n": Aggregate("Count")}


@pytest.mark.parametrize(("split_size", "workers"), [(1024, 1), (5000, 2), (1 << 26, 1)])
def test_objects_come_in_as_columns_with_the_types_of_the_first(small_job, split_size, workers):
    """Whole numbers among floats, nulls, fields that a record lacks: they are what they are wherever the cuts are."""
    lines = [json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) for row in OBJECTS]
    small_job.write_input({"a.jsonl": "\n".join(lines).encode(), "b.jsonl": "\n".join(lines[:9]).encode()})
    sizes = {"partitions": 1, "split_size": split_size, "workers": workers}
    (part,) = run(small_job, stage("fields", BY_LINE), input=JSONL(), output=JSONL(), **sizes).values()
    expected = []
    for line in (None, "a", "b é"):
        rows = [row for row in [*OBJECTS, *OBJECTS[:9]] if row["line"] == line]
        total = math.fsum(row["x"] for row in rows)
        expected.append({"line": line, "x": total, "first": rows[0]["y"]["z"][0], "n": len(rows)})
    assert [json.loads(line) for line in part.splitlines()] == expected


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ('{"line": "a", "x": 1.5}', "its field 'x' is 1.5, where others are Int64"),
        ('{"line": "a", "x": true}', "its field 'x' is True"),
        ('{"line": 7, "x": 1}', "its field 'line' is 7, where others are String"),
        ('{"line": "a", "x": 1, "new": 2}', "its field 'new' is in none of the file's first records"),
        ("[1]", "it is list, and no object"),
    ],
)
def test_an_object_that_does_not_fit_is_told(small_job, late, words):
    sound = b'{"line": "a", "x": 1}\n' * 4000
    small_job.write_input({"a.jsonl": sound + late.encode()})
    with pytest.raises(PermanentFailure, match=words):
        run(small_job, stage("fields_alone", {"x": Aggregate("Sum")}), input=JSONL(), split_size=20_000)
    assert small_job.tree.read("failed.json")["record"]["offset"] == len(sound)


def test_a_table_without_names_is_refused(small_job):
    small_job.write_input({"a.csv": b"a,1\n"})
    with pytest.raises(PermanentFailure, match="no names, which a frame needs"):
        run(small_job, stage("words"), input=CSV(header=False))


def test_no_input_gives_empty_parts(small_job):
    small_job.write_input({"a.txt": b""})
    assert run(small_job, stage("words")) == {"part-00000.txt": b"", "part-00001.txt": b""}


@pytest.mark.parametrize(
    ("function", "reduce", "words"),
    [
        ("no_frame", SUM, "returned list: let it return a frame"),
        ("no_column", SUM, "returned the columns line, but 'n' is aggregated"),
        ("no_key", SUM, "returned no key"),
        ("raises", SUM, "batch function raised .*nowhere"),
        ("nan_key", SUM, r"NaN can't be a key.*column 'key'"),
        ("list_key", SUM, r"column 'key' holds List\(String\), and is part of the key"),
        ("null_in_sum", SUM, "column 'n' holds nulls"),
        ("text_in_sum", SUM, r"Sum\(\) takes integers, floats, decimals and durations, but the column 'n' is text"),
        ("of_two_types", SUM, "column 'n' as int in one frame and as float in another"),
        ("list_key", {"key": Aggregate("Min"), "line": Aggregate("Count")}, "returned no key|can be put in order"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(small_job, function, reduce, words):
    small_job.write_input({"a.txt": b"a b\n" * 600, "b.txt": b"b a\n" * 600})
    with pytest.raises(PermanentFailure, match=words):
        run(small_job, stage(function, reduce))
    told = small_job.tree.read("failed.json")
    assert told["record"] is None or told["record"]["source"].endswith(".txt")


def ranges(store, cuts):
    source = open_source(store, "f", "none")
    for start, stop in cuts:
        for block in read(reader(Text()), source, start, stop):
            yield FileBatch(block, source, "a", "text")


PIECES = [
    "a",
    "é",
    "\n",
    "\r\n",
    "\r",
    "\x00",
    "\x01",
    "\x85",
    "\u2028",
    '"',
    ",",
    " ",
    "\ufeff",
    "#",
    "\udcff",
    "\U0010ff80",
    "\U0010ffff",
]
MADE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@settings(deadline=None)
@given(MADE, st.integers(1, 40), st.integers(1, 9), st.booleans())
@example("\U0010ff80\udcff\U0010ffff\n\U0010ff81\udc80\U0010fffe\n", 40, 9, False)
def test_lines_of_frames_are_those_of_records(text, split_size, chunk, all_separators):
    """Read by Polars where that finds the same lines, by Python elsewhere: for every cut, in every state of decay."""
    data = (text + "\x01\x02\x03\x04\x05\x06\x07\x0e\x0f\x10\n" * all_separators).encode("utf-8", "surrogateescape")
    store: Any = Chunked(data, chunk)
    found = []
    for start in range(0, len(data), split_size):
        for batch in frames(ranges(store, [(start, min(start + split_size, len(data)))])):
            lines = batch.frame["line"].to_list()
            found += [unescaped(line) if batch.escaped else line for line in lines]
    assert found == [record for _, record in read_in_ranges(Text(compress="none"), data, split_size, chunk)[0]]


def test_blocks_of_lines_are_put_together():
    data = b"".join(b"%d\n" % number for number in range(1000))
    batches = list(frames(ranges(Chunked(data, 16), [(0, 2000), (2000, len(data))]), 100))
    assert 30 < len(batches) < 45
    assert [line for batch in batches for line in batch.frame["line"]] == [str(number) for number in range(1000)]
    offsets = [cast(int, batch.batch.position_of(0, "").offset) for batch in batches]
    assert Counter(data[offset - 1 : offset] for offset in offsets[1:]) == {b"\n": len(batches) - 1}
