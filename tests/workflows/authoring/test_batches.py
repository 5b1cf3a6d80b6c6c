"""Batches as they are written: in Python, as a spec, on the command line."""

import json
import subprocess
import sys
from typing import Any, cast

import pytest

from fanfold import InvalidJob, Job, Max, Sum, batch
from fanfold.rules import spec
from fanfold_steps.job.spec import Aggregate, BatchFunction, StageSpec
from tests.steps import functions
from tests.workflows.commands import RUN, run_in

pytestmark = pytest.mark.thorough

JOB = """
import polars as pl
from fanfold import Count, JSONL, Job, Max, batch


@batch
def words(frame):
    words = frame.select(word=pl.col("line").str.split(" ")).explode("word")
    return words.with_columns(longest=pl.col("word").str.len_chars(), word=pl.col("word").str.slice(0, 1))


job = Job(map=words, reduce={"n": Count(), "longest": Max()}, output=JSONL())
"""
STAGE = {"map": {"batch": "a:b"}, "reduce": {"n": {"aggregate": "Sum"}}}


TWO_ARGUMENTS = batch(cast(Any, functions.total))


def rows(frame):
    return frame


def test_a_job_of_batches_becomes_a_spec_and_comes_back():
    compiled = Job(map=batch(rows), reduce={"n": Sum(), "most": Max()}).spec()
    assert compiled.stages == [
        StageSpec(
            BatchFunction("tests.workflows.authoring.test_batches:rows"),
            {"n": Aggregate("Sum"), "most": Aggregate("Max")},
        )
    ]
    assert spec.parse(json.loads(spec.to_json(compiled))) == compiled


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"map": batch(rows), "reduce": Sum()},
            r'reduce: a batch must be reduced by aggregations of columns, such as {"n": Sum',
        ),
        (
            {"map": functions.pairs, "reduce": {"n": Sum()}},
            r'key: named aggregations need a key; name its fields, as key=\("host", "day"\)',
        ),
        ({"map": batch(rows), "reduce": {}}, "reduce: name at least one column to aggregate"),
        ({"map": batch(rows), "reduce": {"n": functions.total}}, "an object of type function is not an aggregation"),
        ({"map": batch(rows), "reduce": {"n": Sum()}, "combine": functions.total}, "leave out `combine`"),
        (
            {"map": TWO_ARGUMENTS, "reduce": {"n": Sum()}},
            "total must take one argument, the frame, but is total",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(parts, words):
    with pytest.raises(InvalidJob, match=words):
        Job(**parts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reduce": {"aggregate": "Sum"}}, "stages.0.reduce: a batch must be reduced by aggregations of columns"),
        ({"map": {"function": "a:b"}}, "stages.0.key: named aggregations need a key"),
        ({"reduce": {}}, "stages.0.reduce: name at least one column"),
        ({"reduce": {"n": {"aggregate": "TopK"}}}, "stages.0.reduce: TopK"),
        ({"map": {"batch": "no reference"}}, "module:name"),
        ({"combine": {"function": "a:b"}}, "stages.0.combine"),
    ],
)
def test_a_spec_whose_parts_do_not_go_together_is_refused(change, words):
    assert spec.parse({"stages": [STAGE]})
    with pytest.raises(spec.InvalidSpec, match=words):
        spec.parse({"stages": [{**STAGE, **change}]})


def run(folder, *options):
    return run_in(folder, *RUN, "job.py", "--input", "in.txt", "--partitions", "1", *options)


def test_the_command_runs_batches(tmp_path):
    (tmp_path / "in.txt").write_text("to be or not to be\n" * 500)
    (tmp_path / "job.py").write_text(JOB)
    parts = []
    for size in ("1KiB", "1MiB"):
        done = run(tmp_path, "--output", size, "--split-size", size)
        assert done.returncode == 0, done.stderr
        parts.append((tmp_path / size / "part-00000.jsonl").read_text())
    rows = [json.loads(line) for line in parts[0].splitlines()]
    assert [list(row.values()) for row in rows] == [["b", 1000, 2], ["n", 500, 3], ["o", 500, 2], ["t", 1000, 2]]
    assert list(rows[0]) == ["word", "n", "longest"]
    assert parts[0] == parts[1]


def test_a_batch_function_takes_the_context(tmp_path):
    (tmp_path / "in.txt").write_text("a\nb\na\n")
    (tmp_path / "frames.py").write_text(
        "import polars as pl\nfrom fanfold import Job, Sum, batch\n"
        "def rows(frame, ctx):\n"
        "    ctx.count('rows', 'seen', frame.height)\n"
        "    return frame.with_columns(n=pl.lit(1))\n"
        "job = Job(map=batch(rows), reduce={'n': Sum()})\n"
    )
    command = [sys.executable, "-m", "fanfold_client", "run", "frames.py", "--input", "in.txt", "--output", "out"]
    done = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counters"]["rows"] == {"seen": 3}


def test_a_traceback_is_that_of_the_batch_function(tmp_path):
    (tmp_path / "in.txt").write_text("to be\n")
    (tmp_path / "job.py").write_text(JOB.replace("    words = frame", "    raise OSError('no')\n    words = frame"))
    done = run(tmp_path, "--output", "out")
    assert done.returncode == 1
    assert "the batch function raised OSError: no" in done.stderr
    assert 'job.py", line 8, in words' in done.stderr
    assert "in.txt, byte 0: to be" in done.stderr


def test_without_polars_the_job_is_refused(tmp_path, monkeypatch):
    (tmp_path / "in.txt").write_text("to be\n")
    (tmp_path / "job.py").write_text(JOB.replace("import polars as pl", ""))
    (tmp_path / "polars").mkdir()
    (tmp_path / "polars" / "__init__.py").write_text("raise ImportError('No module named polars')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = run(tmp_path, "--output", "out")
    assert done.returncode == 1
    assert "batches need Polars" in done.stderr
    assert "[batch]'" in done.stderr


def test_without_pyarrow_parquet_is_refused(tmp_path, monkeypatch):
    """By the workers: who plans the job, a service for one, needs no PyArrow."""
    (tmp_path / "in.txt").write_text("to be\n")
    job = "from fanfold import Count, Job, Parquet\n\n\ndef rows(row):\n    yield row, 1\n\n\n"
    (tmp_path / "job.py").write_text(job + "job = Job(map=rows, reduce=Count(), input=Parquet())\n")
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text("raise ImportError('No module named pyarrow')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = run(tmp_path, "--output", "out")
    assert done.returncode == 1
    assert "Parquet needs PyArrow" in done.stderr


def test_who_has_no_batches_loads_no_polars():
    code = "import sys, fanfold, fanfold_steps.worker.loop, fanfold.verbs.run; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
