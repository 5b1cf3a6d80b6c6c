"""Formats from a Job or a written spec to the bytes of real runs."""

import bz2
import csv
import gzip
import json

import lz4.frame
import pytest

import fanfold
from fanfold import CSV, JSONL, TSV, Delimited, Fixed, InvalidJob, Job, Parquet, Sum, Text, Whole
from fanfold.rules import spec
from tests.steps import functions
from tests.workflows.commands import RUN, run_in

pytestmark = pytest.mark.thorough

STAGE = {"map": {"function": "a:b"}, "reduce": {"aggregate": "Sum"}}
PACK = {"a.csv": bytes, "b.csv.gz": gzip.compress, "c": bz2.compress, "d.lz4": lz4.frame.compress}


@pytest.fixture
def table(tmp_path):
    """A job, and the same rows four times: plain, packed by name, packed and told by the first bytes alone."""
    rows = [(f"k{number % 7}\n,é", number) for number in range(3000)]
    with (tmp_path / "rows").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("key", "n"), *rows])
    (tmp_path / "in").mkdir()
    for name, pack in PACK.items():
        (tmp_path / "in" / name).write_bytes(pack((tmp_path / "rows").read_bytes()))
    (tmp_path / "job.py").write_text(
        "from fanfold import *\n\n\ndef pairs(row):\n    yield row['key'], int(row['n'])\n\n\n"
        "job = Job(map=pairs, reduce=Sum(), input=CSV(), output=JSONL(compress='gzip'))\n"
    )
    return tmp_path


def run(folder, *options):
    return run_in(folder, *RUN, "job.py", "--input", "in", "--partitions", "2", *options)


def test_packed_tables_in_and_packed_json_out_are_the_same_bytes_for_any_split(table):
    parts = []
    for size in ("1KiB", "20KiB", "64MiB"):
        done = run(table, "--output", size, "--split-size", size)
        assert done.returncode == 0, done.stderr
        parts.append({path.name: path.read_bytes() for path in sorted((table / size).glob("part-*"))})
    assert parts[0] == parts[1] == parts[2]
    assert list(parts[0]) == ["part-00000.jsonl.gz", "part-00001.jsonl.gz"]
    found = [json.loads(line) for data in parts[0].values() for line in gzip.decompress(data).splitlines()]
    assert dict(found) == {f"k{key}\n,é": len(PACK) * sum(range(key, 3000, 7)) for key in range(7)}


def test_a_broken_record_and_a_broken_archive_end_the_job_with_their_place(table):
    sound = (table / "rows").read_bytes()
    (table / "in" / "a.csv").write_bytes(sound + b"lonely\n")
    done = run(table, "--output", "out")
    assert done.returncode == 1
    assert "not a valid csv record: it has 1 field, but there are 2 columns" in done.stderr
    assert f"in/a.csv, byte {len(sound)}: lonely" in done.stderr
    (table / "in" / "a.csv").write_bytes(sound)
    (table / "in" / "b.csv.gz").write_bytes(gzip.compress(sound)[:-9])
    done = run(table, "--output", "out")
    assert done.returncode == 1
    assert "in/b.csv.gz is cut short: its gzip data doesn't end" in done.stderr
    assert not list((table / "out").glob("part-*"))


@pytest.mark.parametrize(
    "given",
    [
        Text("latin-1"),
        JSONL(),
        CSV(columns=["a", "b"]),
        TSV(quote=None),
        Fixed(100),
        Delimited(b"\0"),
        Whole(True),
        Parquet("lz4"),
    ],
)
def test_a_format_comes_through_the_spec_unchanged(given):
    compiled = Job(map=functions.pairs, reduce=Sum(), input=given).spec()
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled
    assert compiled.input == given


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"input": {"format": "cvs"}}, "'cvs' .* does not match any of the expected tags: 'text', 'jsonl', 'csv'"),
        ({"input": {"format": "fixed"}}, "input.fixed.size: Field required"),
        ({"input": {"format": "fixed", "size": 0}}, "between 1 byte and 1 GiB"),
        ({"input": {"format": "csv", "columns": "ab"}}, "input.csv.columns"),
        ({"input": {"format": "jsonl", "header": True}}, "input.jsonl.header"),
        ({"output": {"format": "parquet", "compress": "xz"}}, "output.parquet.compress: .*'snappy'"),
        ({"output": {"format": "text", "compress": "zip"}}, "output.text.compress: .*'zstd'"),
        ({"output": {"format": "whole"}}, "output: .*'whole'"),
    ],
)
def test_a_spec_with_a_format_that_cannot_be_is_refused(wrong, words):
    with pytest.raises(spec.InvalidSpec, match=words):
        spec.parse({"stages": [STAGE], **wrong})


def test_the_schema_tells_the_formats_apart():
    told = spec.json_schema()["properties"]
    assert set(told["input"]["discriminator"]["mapping"]) == {
        "text", "jsonl", "csv", "tsv", "fixed", "delimited", "whole", "parquet", "table",
    }  # fmt: skip
    assert set(told["output"]["discriminator"]["mapping"]) == {"text", "jsonl", "csv", "tsv", "parquet"}


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        ({"input": JSONL}, r"write JSONL\(\)"),
        ({"output": Fixed(3)}, "output must be one of Text"),
        ({"input": "csv"}, "'csv'"),
    ],
)
def test_what_is_no_format_is_refused_where_it_is_written(formats, words):
    with pytest.raises(InvalidJob, match=words):
        Job(map=functions.pairs, reduce=Sum(), **formats)


def test_the_formats_are_exported():
    assert {"Text", "JSONL", "CSV", "TSV", "Fixed", "Delimited", "Whole", "InvalidFormat"} <= set(fanfold.__all__)
