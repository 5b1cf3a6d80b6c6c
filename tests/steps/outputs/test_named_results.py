"""Results by name: flat rows of records with fields, the same as of frames; and what was counted before a step."""

import csv
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.formats import CSV, JSONL
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, BatchFunction, Function, StageSpec
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import SmallJob, run

HERE = "tests.steps.named_functions"
RECORDS = st.fixed_dictionaries(
    {
        "host": st.sampled_from(["a", "b", "é"]),
        "status": st.sampled_from([200, 404, 2**40]),
        "size": st.integers(-(2**40), 2**40),
        "seconds": st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0),
    }
)
REDUCE = {
    "hits": Aggregate("Count"),
    "bytes": Aggregate("Sum", field="size"),
    "size": Aggregate("Max"),
    "slowest": Aggregate("Max", field="seconds"),
    "mean": Aggregate("Mean", field="seconds"),
    "first": Aggregate("First", field="seconds"),
    "sizes": Aggregate("Distinct", field="size"),
    "top": Aggregate("TopK", [2], "seconds"),
}


def stage(function, reduce=None, key=("host", "status"), **others):
    return StageSpec(Function(f"{HERE}:{function}"), reduce or REDUCE, key=list(key), **others)


def lines(records):
    return "\n".join(map(json.dumps, records)).encode()


def output(records, *stages, **how):
    with tempfile.TemporaryDirectory() as folder:
        job = SmallJob(Path(folder))
        job.write_input({"a.txt": lines(records)})
        return run(job, *stages, **how)


def listing(name):
    """The aggregations, one of them with a row for each entry."""
    return REDUCE if name is None else {**REDUCE, name: replace(REDUCE[name], rows=True)}


@pytest.mark.thorough
@given(
    st.lists(RECORDS, min_size=1, max_size=12),
    st.sampled_from([("host", "status"), ("host",), ("status",)]),
    st.sampled_from(["sizes", "top", None]),
    st.sampled_from([{"output": JSONL()}, {"output": CSV()}, {}]),
)
@settings(max_examples=5, deadline=None)
def test_records_of_every_form_and_frames_give_the_same_bytes(records, key, rows, written):
    """However they are cut."""
    reduce = listing(rows)
    frames = StageSpec(BatchFunction(f"{HERE}:frames"), reduce, key=list(key))
    found = output(records, frames, split_size=256, **written)
    for form, size in [("dicts", 256), ("named_tuples", 1 << 20), ("dataclasses", 512), ("AtTheEnd", 512)]:
        assert output(records, stage(form, reduce, key), split_size=size, **written) == found
    assert output(records, stage("dicts_in_a_list", reduce, key), **written) == found


def test_rows_are_flat_and_named():
    records = [
        {"host": "a", "status": 200, "size": 5, "seconds": 0.5},
        {"host": "a", "status": 200, "size": 7, "seconds": 2.5},
        {"host": "b", "status": 404, "size": 1, "seconds": 1.0},
    ]
    reduce = {
        "hits": Aggregate("Count"),
        "bytes": Aggregate("Sum", field="size"),
        "slowest": Aggregate("Max", field="seconds"),
    }
    (part,) = output(records, stage("dicts", reduce), partitions=1, output=JSONL()).values()
    assert [json.loads(line) for line in part.splitlines()] == [
        {"host": "a", "status": 200, "hits": 2, "bytes": 12, "slowest": 2.5},
        {"host": "b", "status": 404, "hits": 1, "bytes": 1, "slowest": 1.0},
    ]
    (text,) = output(records, stage("dicts", reduce), partitions=1).values()
    assert text == b"a\t200\t2\t12\t2.5\nb\t404\t1\t1\t1.0\n"
    top = {"hits": Aggregate("Count"), "seconds": Aggregate("TopK", [2], rows=True)}
    (part,) = output(records, stage("dicts", top, ["host"]), partitions=1, output=CSV()).values()
    assert list(csv.reader(part.decode().splitlines())) == [
        ["host", "hits", "seconds"], ["a", "2", "2.5"], ["a", "2", "0.5"], ["b", "1", "1.0"]
    ]  # fmt: skip


def test_without_a_mapper_the_records_of_the_input_are_taken_and_a_later_stage_takes_rows(small_job):
    small_job.write_input({"a.csv": b"host,size\na,1\nb,2\na,3\n"})
    stages = [
        StageSpec(None, {"sizes": Aggregate("Collect", field="size")}, key=["host"]),
        StageSpec(None, {"hosts": Aggregate("Count")}, key=["sizes"]),
    ]
    with pytest.raises(PermanentFailure, match=r"a key is .*not list \(\['1', '3'\]\)"):
        run(small_job, *stages, input=CSV())


def failure(records, spec, **how):
    with pytest.raises(PermanentFailure) as told:
        output(records, spec, **how)
    return told.value


RECORD = {"host": "b", "status": 1, "size": 2, "seconds": 0.5}


def test_what_does_not_fit_is_told_with_the_record():
    told = failure([{**RECORD, "host": "a"}, RECORD], stage("without_size"))
    assert "has no field 'size': it has host, status, seconds" in told.message
    assert told.position
    assert told.position.offset == len(lines([RECORD])) + 1
    assert "the record Request(" in failure([RECORD], stage("named_tuples", key=["nowhere"])).message
    assert "records with fields (dicts, dataclasses or named tuples), but the mapper emitted ('" in (
        failure([RECORD], stage("pairs")).message
    )
    text = failure([RECORD], stage("text_size"))
    assert text.message.startswith(
        "Sum() takes int, float, Decimal, Fraction and timedelta, but a value is str ('large')"
    )
    assert text.message.endswith("for the result 'bytes', for the key ('b', 1)")
    frames = StageSpec(BatchFunction(f"{HERE}:frames"), REDUCE, key=["nowhere"])
    assert "columns host, status, size, seconds, but 'nowhere' is part of the key" in failure([RECORD], frames).message


def test_bad_records_are_put_aside(small_job):
    small_job.write_input({"a.txt": lines([RECORD, {**RECORD, "host": "a"}])})
    reduce = {"bytes": Aggregate("Sum", field="size")}
    (part,) = run(small_job, stage("without_size", reduce), partitions=1, on_error=Skip(0.5)).values()
    assert part == b"a\t1\t2\n"


def test_total_order_and_partitions_are_those_of_pairs():
    records = [{**RECORD, "status": number} for number in range(50)]
    parts = output(records, stage("dicts", {"n": Aggregate("Count")}, ["status"], order="total"), partitions=3)
    assert b"".join(parts.values()).decode().splitlines() == [f"{number}\t1" for number in range(50)]
    assert all(parts.values())


@pytest.mark.parametrize("split_size", [4, 1 << 20])
def test_counters_of_the_steps_before_are_known(small_job, split_size):
    small_job.write_input({"a.txt": b"be\nlonger\nbe\nto\n"})
    stages = [
        StageSpec(Function(f"{HERE}:counting"), Function(f"{HERE}:share_of_all")),
        StageSpec(Function(f"{HERE}:counted_before"), Aggregate("First")),
    ]
    counted = {"long": 1, "short": 3}
    first = run(small_job, stages[0], partitions=1, split_size=split_size)
    assert eval(first["part-00000.txt"].decode().splitlines()[0]) == ("be", 0.5, counted)
    later = SmallJob(small_job.root / "later")
    later.write_input({"a.txt": b"be\nlonger\nbe\nto\n"})
    (part,) = run(later, *stages, partitions=1, split_size=split_size).values()
    assert part.decode().splitlines()[0] == f"be\t{sorted([*counted.items(), ('changed', 1)])[1:]}"


def test_before_the_first_step_nothing_was_counted(small_job):
    small_job.write_input({"a.txt": b"a\n"})
    small_job.create(StageSpec(Function(f"{HERE}:too_early"), Aggregate("Count")))
    with pytest.raises(PermanentFailure, match="counted before this step, but this is the job's first step"):
        Worker(small_job.tree, "all", 0).run()
