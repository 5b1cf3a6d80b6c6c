"""Records that were put aside are read again as they were, whatever their format."""

import gzip
import io
import json
from base64 import b64decode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.__main__ import main
from fanfold_steps.job.formats import CSV, JSONL, TSV, Delimited, Fixed, Parquet, Table, Text, Whole
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, Function, InputSpec, StageSpec
from fanfold_steps.outputs.quarantine import BAD_RECORDS, KEPT
from fanfold_steps.worker.loop import Worker

HERE = "tests.steps.skipping"
SEEN = StageSpec(map=Function(f"{HERE}:seen"))
REFUSES = StageSpec(map=Function(f"{HERE}:refuses"))
BOM = b"\xef\xbb\xbf"


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, row_group_size=2)
    return buffer.getvalue()


TABLE = parquet(
    n=pa.array([1, None, 3], pa.int32()),
    d=pa.array([b"\0\xff", b"", None], pa.binary()),
    t=pa.array([0, 1, 2], pa.timestamp("us", "Europe/Berlin")),
    m=pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
)
FILES = {
    "text": (
        Text(),
        {
            "a": BOM + b"one\r\ntwo\xff\n\n" + BOM + b"x" * 20_000 + b"\nno end\r",
            "b.gz": gzip.compress(b"three\n"),
        },
    ),
    "latin-1": (Text(encoding="latin-1"), {"a": b"caf\xe9\r\n\x85\n"}),
    "jsonl": (JSONL(), {"a": BOM + b'{"a": 1.50}\n\n  [1, "\\ud800"]\r\n12345678901234567890123'}),
    "csv": (CSV(), {"a": BOM + b'name, n\n"x\r\ny, ""z""",1\n\n\xff,2', "b": b"other\n1\n2\n"}),
    "csv without names": (CSV(columns=["a", "b"]), {"a": b"1,2\r\n3,4\r\n"}),
    "csv with a header and names": (CSV(columns=["a", "b"], header=True), {"a": b"x,y\n1,2\n3,4"}),
    "lists": (CSV(header=False), {"a": b"1,2,3\n4\n"}),
    "tsv": (TSV(), {"a": b'a\tb\n1\t2\n"3"\t4\n'}),
    "fixed": (Fixed(3), {"a": b"abc\n\0\xffxyz"}),
    "delimited": (Delimited("|;"), {"a": b"a|b|;c\n|;;\xff|;" + BOM + b"z"}),
    "whole": (Whole(), {"a": b"x\ny", "b": b"", "c.gz": gzip.compress(b"z")}),
    "whole, of bytes": (Whole(binary=True), {"a": b"x\0\xff", "z.zip": b"PK\3\4rest"}),
    "compressed by its word": (Text(compress="gzip"), {"a": gzip.compress(b"x\ny\n")}),
    "parquet": (Parquet(), {"a": TABLE, "b": parquet(other=["x"])}),
    "table": (Table(), {"a.csv": b"a,b\n1,2\n", "b.jsonl.gz": gzip.compress(b'{"c": 3}\n'), "c.parquet": TABLE}),
}  # fmt: skip


def ran(job, stage, **fields):
    job.create(stage, partitions=1, **fields)
    Worker(job.tree, "all", 0).run()
    return b"".join(job.output().values())


def beside(job, name):
    """A job in a folder of its own."""
    return type(job)(job.root / name)


def again(job, name, kept=KEPT):
    """A job that reads what another one put aside."""
    other = beside(job, name)
    other.write_input({"kept": (job.root / "out" / kept).read_bytes()})
    return other


def quarantined(job):
    return [json.loads(line) for line in (job.root / "out" / BAD_RECORDS).read_bytes().splitlines()]


@pytest.mark.parametrize("kind", FILES)
def test_records_of_every_format_come_back_as_they_were(kind, small_job):
    declared, files = FILES[kind]
    small_job.write_input(files)
    direct = beside(small_job, "direct")
    direct.write_input(files)
    expected = ran(direct, SEEN, input=declared)
    assert expected.count(b"\n") > 1
    assert ran(small_job, REFUSES, input=declared, on_error=Skip(1)) == b""
    assert len(quarantined(small_job)) == expected.count(b"\n")
    assert ran(again(small_job, "again"), SEEN, input=declared) == expected
    second = again(small_job, "second")
    ran(second, REFUSES, input=declared, on_error=Skip(1))  # and once more
    assert (second.root / "out" / KEPT).read_bytes() == (small_job.root / "out" / KEPT).read_bytes()
    assert quarantined(second) == quarantined(small_job)


BAD = {
    "text": (Text(encoding="utf-8"), {"a": b"good\nb\xffd\r\ngood\n"}),
    "jsonl": (JSONL(), {"a": b'1\n{"a": \r\n2\n\xff'}),
    "csv": (CSV(), {"a": b'a,b\n1,2\n1,2,3\n"x\n'}),
    "fixed": (Fixed(4), {"a": b"good..."}),
    "whole": (Whole(encoding="utf-8"), {"a": b"\xff" * 2000}),
    "parquet": (Parquet(), {"a": parquet(t=pa.array([0, 1 << 62], pa.timestamp("us")))}),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_record_is_kept_with_its_own_bytes(kind, small_job):
    declared, files = BAD[kind]
    small_job.write_input(files)
    ran(small_job, SEEN, input=declared, on_error=Skip(1))
    entries = quarantined(small_job)
    assert entries
    other = again(small_job, "again")
    assert ran(other, SEEN, input=declared, on_error=Skip(1)) == b""
    if kind == "parquet":
        entries[0]["record"] = "row 0"  # of the file that holds it now
    assert quarantined(other) == entries
    lines = [json.loads(line) for line in (small_job.root / "out" / KEPT).read_bytes().splitlines()[1:]]
    if kind != "parquet":
        data = [b64decode(line["bytes"]).removeprefix(b"a,b\n") for line in lines]
        assert data and all(one.removesuffix(b"\n") in files["a"] for one in data)


def test_named_inputs_have_files_of_their_own(small_job):
    named = {"users": InputSpec(CSV()), "orders": InputSpec(JSONL())}
    small_job.write_input({"users/a": b"id\n1\n", "orders/b": b"[2]\n"})
    ran(small_job, REFUSES, named=named, on_error=Skip(1))
    found = {path.name: path.read_bytes().count(b"\n") for path in (small_job.root / "out" / "_quarantine").iterdir()}
    assert found == {"part-00000.jsonl": 2, "records-users": 2, "records-orders": 2}
    other = beside(small_job, "again")
    for name in named:
        other.write_input({f"{name}/kept": (small_job.root / f"out/_quarantine/records-{name}").read_bytes()})
    assert ran(other, SEEN, named=named) == b"'a' 3 3 {'id': '1'}\n'b' 0 0 [2]\n"


def test_records_of_a_later_stage_say_that_they_cannot_come_back(small_job):
    small_job.write_input({"a.txt": b"a 1\n"})
    first = StageSpec(map=Function(f"{HERE}:numbers"), reduce=Function(f"{HERE}:total"))
    small_job.create(first, REFUSES, on_error=Skip(1))
    Worker(small_job.tree, "all", 0).run()
    (entry,) = quarantined(small_job)
    assert entry["again"] == "it comes from an earlier stage, not from a file, so it can't be read again by itself"
    assert not (small_job.root / "out" / KEPT).exists()


def test_a_mapper_whose_pairs_are_added_up_reads_them_too(small_job):
    """In columns as well, where there is much."""
    small_job.write_input({"a": b"one two\none\n"})
    ran(small_job, REFUSES, on_error=Skip(1))
    words = StageSpec(map=Function("fanfold.builtin.wordcount:words"), reduce=Aggregate("Sum"))
    assert ran(again(small_job, "again"), words) == b"one\t2\ntwo\t1\n"


def test_a_file_that_was_edited_is_told(small_job):
    small_job.write_input({"a": b"one\n"})
    ran(small_job, REFUSES, on_error=Skip(1))
    other = again(small_job, "again")
    kept = (other.root / "in" / "kept").read_bytes()
    other.write_input({"kept": kept.replace(b'"b25l', b'"!!b25l')})
    other.create(SEEN)
    assert main(["all", "--job", other.url]) == 64
    failure = other.tree.read("failed.json")
    assert "this isn't a record that was put aside (Error:" in failure["message"]
    assert failure["record"]["offset"] == kept.index(b"\n") + 1


def test_an_error_names_where_the_record_came_from(small_job):
    small_job.write_input({"dir/a": b"one\ntwo\n"})
    ran(small_job, REFUSES, on_error=Skip(1))
    other = again(small_job, "again")
    other.create(REFUSES)
    assert main(["all", "--job", other.url]) == 64
    record = other.tree.read("failed.json")["record"]
    assert record["source"].endswith("/in/kept: dir/a")
    assert (record["offset"], record["text"]) == (0, "one")


RAW = [Text(), Delimited("ab"), Fixed(2), Whole(binary=True)]


@pytest.mark.thorough
@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=12), max_size=12), st.sampled_from(RAW))
def test_any_bytes_come_back(tmp_path_factory, pieces, declared):
    from tests.steps.conftest import SmallJob

    data = b"\n".join([b"-", *pieces, b"ab"])  # never what a compressed file begins with
    job = SmallJob(tmp_path_factory.mktemp("job"))
    job.write_input({"a": data})
    direct = beside(job, "direct")
    direct.write_input({"a": data})
    expected = ran(direct, SEEN, input=declared, on_error=Skip(1))
    ran(job, REFUSES, input=declared, on_error=Skip(1))
    assert ran(again(job, "again"), SEEN, input=declared, on_error=Skip(1)) == expected
