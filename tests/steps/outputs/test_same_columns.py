"""The parts of an output have the same columns, whatever their own records were, and nothing is lost."""

import hashlib
import io
import json
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import open_source, reader
from fanfold_steps.formats.parquet import writer
from fanfold_steps.formats.parquet.same_columns import ParquetColumns
from fanfold_steps.job.formats import CSV, TSV, Parquet, Text
from fanfold_steps.job.spec import Function, StageSpec
from fanfold_steps.memory.budget import MIB
from fanfold_steps.outputs import same_columns
from fanfold_steps.outputs.finish import MANIFEST, finish
from fanfold_storage.urls import open_objects
from tests.steps.conftest import run
from tests.steps.reading import Chunked
from tests.steps.typed import PARTS

FIELDS: dict[str, Any] = {
    "n": st.integers(-9, 9) | st.floats(-9, 9),
    "text": st.text(max_size=3) | st.none(),
    "list": st.lists(st.integers(0, 3), max_size=3),
    "struct": st.fixed_dictionaries({"day": st.dates(date(2026, 1, 1))}, optional={"x": st.booleans()}),
    "map": st.dictionaries(st.integers(0, 3), st.text(max_size=2), min_size=1, max_size=2),
}
OPTIONAL = {name: FIELDS[name] for name in FIELDS if name != "n"}
ROWS = st.lists(st.fixed_dictionaries({"n": FIELDS["n"]}, optional=OPTIONAL), min_size=1, max_size=40)


def function(name):
    return Function(f"tests.steps.typed:{name}")


def stage(reduce):
    return StageSpec(function("letters"), function(reduce), partition=function("by_letter"))


def typed(job, reduce, output, letters=b"abc", **how):
    job.write_input({"a.txt": b"\n".join(letters[at : at + 1] for at in range(len(letters)))})
    return run(job, stage(reduce), output=output, partitions=PARTS, **how)


def check_manifest(job):
    manifest = json.loads((job.root / "out" / MANIFEST).read_bytes())
    for part in manifest["parts"]:
        data = (job.root / "out" / part["name"]).read_bytes()
        assert (part["bytes"], part["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert manifest["bytes"] == sum(part["bytes"] for part in manifest["parts"])
    report = job.tree.read("report.json")
    assert {name: report[name] for name in manifest} == manifest


def test_parts_of_parquet_have_one_schema(small_job):
    parts = typed(small_job, "number", Parquet())
    schemas = [pq.ParquetFile(io.BytesIO(part)).schema_arrow for part in parts.values()]
    assert len(parts) == PARTS
    assert all(schema.equals(schemas[0], check_metadata=True) for schema in schemas)
    frame = pl.concat([pl.read_parquet(io.BytesIO(part)) for part in parts.values()]).sort("k")
    assert frame.schema == {"k": pl.String, "x": pl.Float64, "only": pl.List(pl.String)}
    assert frame.rows() == [("a", 1.0, None), ("b", 2.5, None), ("c", None, ["c"])]
    check_manifest(small_job)


@pytest.mark.parametrize(("split_size", "workers"), [(2, 3), (1 << 20, 1)])
def test_their_bytes_are_the_same_for_any_cut_and_workers(small_job, tmp_path_factory, split_size, workers):
    first = typed(small_job, "number", Parquet())
    other = type(small_job)(tmp_path_factory.mktemp("other"))
    assert typed(other, "number", Parquet(), split_size=max(split_size, 2), workers=workers) == first


@pytest.mark.parametrize("output", [Parquet(), CSV(), TSV(compress="gzip")])
def test_whoever_finishes_it_again_leaves_the_same_bytes(small_job, output):
    parts = typed(small_job, "columns_by_letter", output)
    for name in (MANIFEST, "../job/report.json"):
        (small_job.root / "out" / name).unlink()
    finish(small_job.tree, small_job.tree.conf())
    assert small_job.output() == parts
    check_manifest(small_job)


@pytest.mark.thorough
def test_two_may_finish_it_at_once(small_job, monkeypatch):
    """The second one comes when the first has rewritten one part: it takes that as it is."""
    original = same_columns._rewritten
    others: list[bool] = []

    def rewritten(*arguments):
        done = original(*arguments)
        if not others:
            others.append(True)
            finish(small_job.tree, small_job.tree.conf())
        return done

    monkeypatch.setattr(same_columns, "_rewritten", rewritten)
    parts = typed(small_job, "number", Parquet())
    schemas = {pq.ParquetFile(io.BytesIO(part)).schema_arrow.to_string() for part in parts.values()}
    assert len(schemas) == 1
    check_manifest(small_job)


def test_parts_that_clash_are_told_with_a_record_of_each(small_job):
    with pytest.raises(PermanentFailure) as failed:
        typed(small_job, "clashing", Parquet(), b"ab")
    told = failed.value.message
    assert "the column 'x' holds integers and text: convert them to one type" in told
    assert "{'k': 'a', 'x': 1}" in told
    assert "{'k': 'b', 'x': 'b'}" in told
    assert "part-00001.parquet" in told and "part-00002.parquet" in told
    assert not (small_job.root / "out" / MANIFEST).exists()


def test_parts_that_no_type_keeps_together_are_told(small_job):
    words = r"the column 'x' holds decimals of 37 and 37 digits, more than the 38 that fit into one decimal: round them"
    with pytest.raises(PermanentFailure, match=words) as failed:
        typed(small_job, "decimals", Parquet(), b"ab")
    assert "part-00001.parquet" in failed.value.message and "part-00002.parquet" in failed.value.message


@pytest.mark.parametrize("output", [CSV(), TSV(), CSV(compress="zstd"), CSV(header=False), CSV(header=True)])
def test_parts_of_separated_values_have_the_same_header(small_job, output):
    typed(small_job, "columns_by_letter", output)
    check_manifest(small_job)
    store, rows = open_objects((small_job.root / "out").as_uri() + "/"), []
    names = ("k", "n") if output.header is False else None
    form = reader(replace(output, columns=names, compress=None))
    for name in small_job.output():
        source = open_source(store, name, None)
        rows += [row for block in form.blocks(source, 0, None) for row in block.records()]
        if output.header is not False:
            assert b"".join(source.read()).startswith((b"k,n\n", b"k\tn\n"))
    assert rows == [{"k": "a", "n": "1"}, {"k": 'b,"\r\n', "n": "1"}, {"k": 'c,"\r\n', "n": "1"}]


@pytest.mark.parametrize(
    ("reduce", "words"),
    [
        ("other_columns", r"have the columns k, and k, n: let all records have the same fields"),
        ("lists_and_dicts", r"records of some have names \(k\), of others none"),
    ],
)
def test_parts_with_other_columns_are_refused(small_job, reduce, words):
    with pytest.raises(PermanentFailure, match=words) as failed:
        typed(small_job, reduce, CSV(), b"ab")
    assert "part-00001.csv (the record" in failed.value.message


def test_declared_columns_are_those_of_every_part(small_job):
    columns = {"k": "string", "x": "float64", "only": "list<string>", "z": "date"}
    parts = typed(small_job, "number", Parquet(schema=columns))
    assert {tuple(pl.read_parquet(io.BytesIO(part)).schema) for part in parts.values()} == {("k", "x", "only", "z")}


def test_a_record_that_does_not_fit_what_is_declared_ends_the_job(small_job):
    words = r"column 'x' holds floats, and int64 is declared.*the record \{'k': 'b'"
    with pytest.raises(PermanentFailure, match=words):
        typed(small_job, "number", Parquet(schema={"k": "string", "x": "int64", "only": "list<string>"}))


def test_named_outputs_have_one_schema_too(small_job):
    typed(small_job, "with_sides", Text(), b"ab", outputs={"side": Parquet()})
    parts = small_job.named("side").values()
    assert {str(pl.read_parquet(io.BytesIO(part)).schema) for part in parts} == {"Schema([('x', Float64)])"}


def test_row_groups_follow_from_the_rows_alone(monkeypatch, small_job, tmp_path_factory):
    monkeypatch.setattr(writer, "GROUP_ROWS", 1000)
    monkeypatch.setattr(writer, "GROUP_BYTES", 20_000)
    rows = StageSpec(function("many"))
    small_job.write_input({"a.txt": b"x\n"})
    (part,) = run(small_job, rows, output=Parquet()).values()
    other = type(small_job)(tmp_path_factory.mktemp("other"))
    other.write_input({"a.txt": b"x\n"})
    (again,) = run(other, rows, output=Parquet(), memory=16 * MIB).values()
    assert part == again
    found = pq.ParquetFile(io.BytesIO(part))
    assert found.metadata.num_row_groups > 5
    assert found.read().to_pylist()[2899:2901] == [
        {"n": 2899.0, "text": "x" * (2899 % 90), "list": [2899]},
        {"n": 725.0, "text": "x" * (2900 % 90), "list": [2900]},
    ]


@pytest.mark.thorough
@given(ROWS, st.sampled_from([3, 100]))
@settings(max_examples=60, deadline=None)
def test_a_part_rewritten_with_its_own_columns_has_the_same_bytes(rows, group_rows):
    """So it doesn't matter how often a part is rewritten, nor whether it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "GROUP_ROWS", group_rows)
        encoder = writer.ParquetWriter(Parquet()).begin()
        data = b"".join([encoder.encode(rows), *encoder.end()])
    store: Any = Chunked(data, 1 << 20)
    source = open_source(store, "f", "none")
    again = ParquetColumns(Parquet()).rewritten(source, encoder.columns, encoder.columns)
    assert b"".join(again) == data
