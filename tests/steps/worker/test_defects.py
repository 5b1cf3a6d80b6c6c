"""What is raised by ourselves or by a library ends the job the second time, in one sentence."""

from collections import Counter

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.columnar.grouping import Accumulator
from fanfold_steps.formats.text import TextBlock
from fanfold_steps.job.spec import Aggregate, BatchFunction, StageSpec
from fanfold_steps.records.collectors import ValueLists
from fanfold_steps.user_code.loading import Code
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import function


class Panic(BaseException):
    """As pyo3 makes of a panic in Rust: no Exception."""


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
def test_the_second_same_failure_ends_the_job(small_job, monkeypatch, capsys, kind):
    attempts = []

    def run(self, task, attempt):
        attempts.append(attempt)
        raise kind("no column of that name")

    monkeypatch.setattr(Worker, "_run_task", run)
    small_job.write_input({"a.txt": b"k 1\n"})
    small_job.create(StageSpec(function("pairs"), Aggregate("Sum")))
    assert main(["all", "--job", small_job.url]) == 64
    assert len(attempts) == len(set(attempts)) == 2
    failure = small_job.tree.read("failed.json")
    assert failure["message"].startswith(f"a bug in Fanfold or in a library that it uses: {kind.__name__}: no column")
    assert failure["task"] == {"stage": 0, "step": "map", "index": 0}
    assert "Traceback" in failure["log"] or "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
def test_what_does_not_happen_again_is_only_logged(small_job, monkeypatch, capsys, kind):
    whole, attempts = Worker._run_task, []

    def run(self, task, attempt):
        attempts.append(attempt)
        if len(attempts) == 1:
            raise kind("by chance")
        whole(self, task, attempt)

    monkeypatch.setattr(Worker, "_run_task", run)
    small_job.write_input({"a.txt": b"k 1\n"})
    small_job.create(StageSpec(function("pairs"), Aggregate("Count")), partitions=1)
    assert main(["all", "--job", small_job.url]) == 0
    assert small_job.output() == {"part-00000.txt": b"k\t1\n"}
    assert "by chance" in capsys.readouterr().err


def test_failures_that_differ_are_left_to_another_process(small_job, monkeypatch):
    attempts = []

    def run(self, task, attempt):
        attempts.append(attempt)
        raise RuntimeError(f"number {len(attempts)}")

    monkeypatch.setattr(Worker, "_run_task", run)
    small_job.write_input({"a.txt": b"k 1\n"})
    small_job.create(StageSpec(function("pairs"), Aggregate("Count")))
    with pytest.raises(RuntimeError, match="number 2"):
        Worker(small_job.tree, "all", 0).run()
    assert small_job.tree.failure() is None


def panics(*given):
    """What a library does at some data."""
    raise Panic("index out of bounds")


COUNTED = StageSpec(function("pairs"), function("total"))
FRAMES = StageSpec(BatchFunction("tests.steps.batch_functions:words"), {"n": Aggregate("Sum")})


@pytest.mark.parametrize(
    ("place", "name", "stage"),
    [
        (TextBlock, "records", COUNTED),
        ("fanfold_steps.formats.text", "whole_records", COUNTED),
        ("fanfold_steps.columnar.reading", "_of_lines", FRAMES),
        (Accumulator, "add_rows", FRAMES),
    ],
)
def test_a_defect_names_the_place_that_was_read(small_job, monkeypatch, place, name, stage):
    target = place if isinstance(place, type) else __import__(place, fromlist=[name])
    monkeypatch.setattr(target, name, panics)
    small_job.write_input({"dir/a.txt": b"k 1\nodd 2\n"})
    small_job.create(stage)
    assert main(["all", "--job", small_job.url]) == 64
    failure = small_job.tree.read("failed.json")
    assert failure["message"].startswith("a bug in Fanfold or in a library that it uses: Panic: index out of bounds (")
    assert failure["record"]["source"].endswith("/in/dir/a.txt")
    assert failure["record"]["offset"] == 0
    assert "\n" not in failure["message"]


def test_a_defect_in_what_takes_pairs_names_the_record(small_job, monkeypatch):
    original = ValueLists.fold

    def fold(self, call, records):
        def or_panic(record):
            if "odd" in record:
                raise Panic("no entry")
            return call(record)

        return original(self, or_panic, records)

    monkeypatch.setattr("fanfold_steps.records.mappers.MapperBlame.__exit__", lambda *_: None)
    monkeypatch.setattr(ValueLists, "fold", fold)
    small_job.write_input({"dir/a.txt": b"k 1\nodd 2\n"})
    small_job.create(COUNTED)
    assert main(["all", "--job", small_job.url]) == 64
    record = small_job.tree.read("failed.json")["record"]
    assert (record["offset"], record["text"]) == (4, "odd 2")


def test_a_defect_outside_of_tasks_ends_the_job_at_once(small_job, monkeypatch, capsys):
    starts: Counter[str] = Counter()

    def prepare(self, spec):
        starts["all"] += 1
        raise Panic("no such attribute")

    monkeypatch.setattr(Code, "prepare", prepare)
    small_job.write_input({"a.txt": b"k 1\n"})
    small_job.create(COUNTED)
    assert main(["all", "--job", small_job.url]) == 64
    failure = small_job.tree.read("failed.json")
    assert "Panic: no such attribute" in failure["message"] and failure["task"] is None
    assert starts == {"all": 1}
    assert "Traceback" in failure["log"] or "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_left_to_another_process(small_job, monkeypatch):
    def prepare(self, spec):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Code, "prepare", prepare)
    small_job.write_input({"a.txt": b"k 1\n"})
    small_job.create(COUNTED)
    with pytest.raises(OSError, match="No space"):
        Worker(small_job.tree, "all", 0).run()
    assert small_job.tree.failure() is None
