"""A process that died at a task leaves word of it to the one that is started in its place."""

import os

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.memory.budget import MIB
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.task import Task
from fanfold_steps.worker.last_task import MOST_DEATHS, LastTask

pytestmark = pytest.mark.thorough

KILLED = "was killed\t, perhaps by the system for want of memory"
HERE = "tests.steps.hanging"
HANGING = StageSpec(map=Function(f"{HERE}:hangs"), reduce=Aggregate("Sum"))


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("FANFOLD_TASK", str(tmp_path / "task"))
    return tmp_path / "task"


def test_a_task_is_named_only_while_it_is_done(small_job, file):
    last = LastTask(small_job.tree)
    assert last.verdict(None) is None
    with last.during(Task(1, "map", 3)):
        assert file.read_text().split() == ["1", "map", "3"]
    assert file.read_text().split() == []
    assert last.verdict(None) is None


def test_so_many_deaths_at_a_task_end_the_job(small_job, file):
    for death in range(1, MOST_DEATHS + 1):
        file.write_text("0 map 3\n")
        verdict = LastTask(small_job.tree, {**os.environ, "FANFOLD_ENDED": KILLED}).verdict(None)
        assert (verdict is not None) == (death == MOST_DEATHS)
    assert verdict
    assert verdict[0] == Task(0, "map", 3)
    assert verdict[1].message == (
        "the worker was killed on this task, 4 times, perhaps by the system for want of memory"
    )


def test_a_death_counts_for_its_task_alone_and_not_when_the_store_was_away(small_job, file):
    for index in range(2 * MOST_DEATHS):
        file.write_text(f"0 map {index}\n")
        assert LastTask(small_job.tree, {**os.environ, "FANFOLD_ENDED": KILLED}).verdict(None) is None
    for _ in range(2 * MOST_DEATHS):
        file.write_text("0 map 0\n")
        assert LastTask(small_job.tree, {**os.environ, "FANFOLD_ENDED": ""}).verdict(None) is None


def test_a_task_that_is_committed_is_no_matter(small_job, file):
    task = Task(0, "map", 3)
    small_job.tree.commit(task, Commit("a", 0, 0))
    file.write_text("0 map 3\nTimeout (0:00:01)!\n")
    assert LastTask(small_job.tree).verdict(1.0) is None


def test_a_task_that_hangs_is_named_with_its_record_and_place(small_job):
    small_job.write_input({"a.txt": b"fine\nhang\n"})
    small_job.create(HANGING, timeout=0.5)
    worker = small_job.start()
    worker.wait(timeout=30)
    told = worker.communicate()[1]
    assert worker.returncode == 64, told
    failure = small_job.tree.read("failed.json")
    assert failure["kind"] == "timeout"
    assert failure["task"] == {"stage": 0, "step": "map", "index": 0}
    assert failure["record"]["offset"] == 5
    assert "in hangs" in failure["traceback"]
    assert "fanfold_steps" not in failure["traceback"]
    assert "the task had not ended after 0.5 s" in told


@pytest.mark.parametrize(
    ("mapper", "how"),
    [
        ("hangs", {"partition": Function(f"{HERE}:asked")}),
        ("hangs_at_the_second_look", {"order": "total"}),
    ],
)
def test_the_record_is_told_whatever_was_begun_since(small_job, mapper, how):
    """With little memory keys are placed while records are still to come."""
    lines = [b"%d" % number for number in range(5000)] + [b"hang"] + [b"more"] * 99
    small_job.write_input({"a.txt": b"\n".join(lines)})
    stage = StageSpec(Function(f"{HERE}:{mapper}"), Aggregate("Sum"), **how)
    small_job.create(stage, timeout=1, split_size=MIB, memory=MIB // 16)
    worker = small_job.start()
    worker.wait(timeout=30)
    assert worker.returncode == 64, worker.communicate()[1]
    worker.communicate()
    failure = small_job.tree.read("failed.json")
    assert (failure["kind"], failure["record"]["text"]) == ("timeout", "hang")
    assert failure["record"]["offset"] == len(b"\n".join(lines[:5001])) - len(b"hang")


@pytest.mark.parametrize("step", ["map", "reduce"])
def test_a_task_that_lets_no_thread_run_is_told_by_the_next_process(small_job, file, step):
    small_job.write_input({"a.txt": b"fine\nlock\n"})
    locks, fine = Function("tests.steps.hanging:locks"), Function("tests.steps.hanging:pairs")
    reducer = Function("tests.steps.hanging:locks_at_key") if step == "reduce" else Aggregate("Sum")
    small_job.create(StageSpec(map=locks if step == "map" else fine, reduce=reducer), timeout=0.3, partitions=1)
    first = small_job.start()
    assert first.wait(timeout=60) == 1
    first.communicate()
    assert small_job.tree.find("failed.json") is None
    assert main(["all", "--job", small_job.url]) == 64
    failure = small_job.tree.read("failed.json")
    assert failure["message"].startswith("the task had not ended after 0.3 s, the job's timeout")
    assert failure["task"]["step"] == step
    assert f"in {'locks' if step == 'map' else 'locks_at_key'}" in failure["traceback"]


def test_a_task_within_its_time_is_left_alone(small_job):
    small_job.write_input({"a.txt": b"fine\n"})
    small_job.create(HANGING, timeout=30)
    assert main(["all", "--job", small_job.url]) == 0
