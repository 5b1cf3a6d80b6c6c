"""Parquet: every row once for any cut, parts whose bytes depend on their records alone, and files that are none."""

import datetime
import io
import random
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import open_source, read, reader, writer
from fanfold_steps.formats.parquet import writer as parquet
from fanfold_steps.job.formats import CSV, Parquet
from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, StageSpec
from fanfold_steps.worker.loop import Worker
from fanfold_storage.urls import open_objects

pytestmark = pytest.mark.thorough

CHANCE = random.Random(3)
ROWS: list[dict[str, Any]] = [
    {
        "word": CHANCE.choice(["to", "be", "日本", "", None]),
        "n": CHANCE.randint(-9, 2**40),
        "share": CHANCE.random() if number % 3 else None,
        "day": datetime.date(2026, 1, 1) + datetime.timedelta(number % 50),
        "list": [number, number + 1],
        "raw": bytes([number % 256]),
        "even": number % 2 == 0,
    }
    for number in range(3000)
]


def found(store, key, cuts, format=Parquet()):  # noqa: B008
    source = open_source(store, key, "none")
    rows = []
    for start, stop in cuts:
        for block in read(reader(format), source, start, stop):
            rows += list(zip(block.offsets(), block.records(), strict=True))
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The rows as others write them: row groups of several sizes, with and without what may stand beside them."""
    folder = tmp_path_factory.mktemp("parquet")
    frame = pl.DataFrame(ROWS)
    frame.write_parquet(folder / "small", row_group_size=40, compression="snappy")
    frame.write_parquet(folder / "large", row_group_size=1 << 20, statistics="full")
    frame.write_parquet(folder / "pages", row_group_size=700, data_page_size=256, compression="uncompressed")
    return open_objects(folder.as_uri() + "/")


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(["small", "large", "pages"]), st.integers(3000, 1 << 17))
def test_every_row_comes_once_for_any_cut(files, key, size):
    whole = files.stat(key).size
    cuts = [(start, min(start + size, whole)) for start in range(0, whole, size)]
    assert found(files, key, cuts) == list(enumerate(ROWS))


@pytest.mark.parametrize("compress", get_args(Parquet.__annotations__["compress"]))
def test_a_part_depends_on_its_records_alone(monkeypatch, tmp_path, compress):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 1024)
    parts = []
    for size in (1, 700, 5000):
        encoder = writer(Parquet(compress)).begin()
        parts.append(
            b"".join(encoder.encode(ROWS[at : at + size]) for at in range(0, len(ROWS), size)) + b"".join(encoder.end())
        )
    assert parts[0] == parts[1] == parts[2]
    assert pl.read_parquet(io.BytesIO(parts[0])).to_dicts() == ROWS
    (tmp_path / "part").write_bytes(parts[0])
    assert found(open_objects(tmp_path.as_uri() + "/"), "part", [(0, 1), (1, len(parts[0]))])[-1] == (2999, ROWS[-1])


def test_pairs_are_rows_and_no_rows_are_a_file():
    encoder = writer(Parquet()).begin()
    data = encoder.encode([("a", 1), ("b", 2)]) + b"".join(encoder.end())
    assert pl.read_parquet(io.BytesIO(data)).to_dicts() == [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
    assert pl.read_parquet(io.BytesIO(b"".join(writer(Parquet()).begin().end()))).is_empty()


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (["text"], "a row of Parquet is a dict"),
        ([{"a": 1}, {"a": "x"}], "the column 'a' holds integers and text"),
        ([{"a": "\udcff"}], "aren't UTF-8"),
    ],
)
def test_what_is_no_row_is_refused(records, words):
    encoder = writer(Parquet()).begin()
    with pytest.raises(Exception, match=words):
        encoder.encode(records)
        b"".join(encoder.end())


@pytest.mark.parametrize("data", [b"", b"PAR1", b"word,n\na,1\n" * 9, b"PAR1\xff\xff\xff\x00PAR1", b"PAR1" * 40])
def test_files_that_are_none_are_told(tmp_path, data):
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(PermanentFailure, match="valid Parquet file"):
        found(open_objects(tmp_path.as_uri() + "/"), "f", [(0, 1000)])


def test_a_broken_row_group_is_told(files, tmp_path):
    whole = b"".join(files.read("pages"))
    (tmp_path / "f").write_bytes(whole[:4] + bytes(3000) + whole[3004:])
    with pytest.raises(PermanentFailure, match="valid Parquet file"):
        found(open_objects(tmp_path.as_uri() + "/"), "f", [(0, len(whole))])


BATCHES = StageSpec(
    BatchFunction("tests.steps.batch_functions:table"), {"n": Aggregate("Sum"), "last": Aggregate("Last")}
)


@pytest.mark.parametrize(("split_size", "workers"), [(5000, 2), (1 << 26, 1)])
@pytest.mark.parametrize("stage", [BATCHES, StageSpec(Function("tests.steps.functions:word_and_n"), Aggregate("Sum"))])
def test_jobs_read_and_write_it(small_job, files, stage, split_size, workers):
    small_job.write_input({key: b"".join(files.read(key)) for key in ("small", "large")})
    small_job.create(
        stage, input=Parquet(), output=Parquet(), split_size=split_size, workers={"all": workers}, partitions=1
    )
    for index in range(workers):
        Worker(small_job.tree, "all", index).run()
    (part,) = small_job.output().values()
    rows = pl.read_parquet(io.BytesIO(part)).rows()
    words = [None, "", "be", "to", "日本"]
    sums = [2 * sum(row["n"] for row in ROWS if row["word"] == word) for word in words]
    assert [row[:2] for row in rows] == list(zip(words, sums, strict=True))
    if stage is BATCHES:
        assert [row[2] for row in rows] == [[row["day"] for row in ROWS if row["word"] == word][-1] for word in words]


def test_tables_of_text_become_typed_ones(small_job):
    small_job.write_input({"a.csv": b"word,n\nto,1\nbe,2\nto,3\n"})
    stage = StageSpec(Function("tests.steps.functions:word_and_whole_n"), Aggregate("Sum"))
    small_job.create(stage, input=CSV(), output=Parquet("none"), partitions=1)
    Worker(small_job.tree, "all", 0).run()
    frame = pl.read_parquet(io.BytesIO(small_job.output()["part-00000.parquet"]))
    assert frame.schema == {"key": pl.String, "value": pl.Int64}
    assert frame.rows() == [("be", 2), ("to", 4)]
