"""What a job's log says of tasks: claimed, retried, begun as a backup task, spilled, quarantined, committed, failed."""

import json

import pytest

from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Function, StageSpec
from fanfold_steps.logs.line import Mark
from fanfold_steps.logs.reader import LogReader
from fanfold_steps.memory.budget import Budget
from fanfold_steps.tasks.stage import Stage
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import claims, loop
from fanfold_steps.worker.last_task import LastTask
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import function


def said(tree, task):
    return [line.text for line in LogReader(tree.objects).lines() if line.mark is Mark.OWN and line.task == f"0/{task}"]


@pytest.fixture
def job(small_job):
    small_job.write_input({"a.txt": b"one two\n" * 50})
    small_job.create()
    return small_job


def test_a_task_is_claimed_and_committed(job):
    Worker(job.tree, "all", 0).run()
    claimed, committed = said(job.tree, "map/0")
    assert claimed == "claimed"
    assert committed.startswith("committed: 50 records in 0")
    assert job.tree.commit_of(Task(0, "map", 0)).attempts == 1


def test_a_backup_task_says_so_and_counts_the_attempt(job, monkeypatch):
    monkeypatch.setattr(claims, "DEAD_AFTER_SECONDS", 0.01)
    claims.Claims(job.tree, "all-1").take(Task(0, "map", 0))
    Worker(job.tree, "all", 0).run()
    assert said(job.tree, "map/0")[0] == (
        "claimed as a backup task, in turn 2: the worker that has it is late, or has stopped"
    )
    assert job.tree.commit_of(Task(0, "map", 0)).attempts == 2


def test_a_task_at_which_processes_died_says_so_and_counts_them(job, monkeypatch, tmp_path):
    job.tree.objects.put("deaths/0-map-00000.json", [b'{"deaths": 2}'])
    monkeypatch.setattr(loop, "LastTask", lambda tree: LastTask(tree, {"FANFOLD_TASK": str(tmp_path / "task")}))
    Worker(job.tree, "all", 0).run()
    assert said(job.tree, "map/0")[0] == "retried: 2 processes died at this task"
    assert job.tree.commit_of(Task(0, "map", 0)).attempts == 3
    assert said(job.tree, "reduce/0")[0] == "claimed"


def test_something_unexpected_is_retried_and_counted(job, monkeypatch):
    stage_run, raised = Stage.run, list[Task]()

    def fails_once(stage, task, name):
        if task.step == "map" and not raised:
            raised.append(task)
            raise RuntimeError("a bug")
        return stage_run(stage, task, name)

    monkeypatch.setattr(Stage, "run", fails_once)
    Worker(job.tree, "all", 0).run()
    assert "retried: something unexpected was raised, see above" in said(job.tree, "map/0")
    assert job.tree.commit_of(Task(0, "map", 0)).attempts == 2


def test_an_attempt_that_comes_second_is_dropped_and_says_so(job, monkeypatch):
    commit = type(job.tree).commit

    def loses(tree, task, found):
        commit(tree, task, found)
        return commit(tree, task, found)

    monkeypatch.setattr(type(job.tree), "commit", loses)
    monkeypatch.setattr(Stage, "drop", lambda stage, task, commit: None)
    Worker(job.tree, "all", 0).run()
    assert said(job.tree, "map/0")[-1] == "dropped: another attempt at this task was committed first"


def test_spills_and_quarantined_records_are_told(small_job, monkeypatch):
    monkeypatch.setattr(loop, "budget_of", lambda conf: Budget(4096))
    monkeypatch.setattr(Budget, "piece", property(lambda budget: 256))
    small_job.write_input({"a.txt": b"one two three four\n" * 200 + b"bad\n"})
    stage = StageSpec(Function("tests.steps.functions:raises_on_bad"), function("total"))
    small_job.create(stage, split_size=64 << 10, on_error=Skip(0.5))
    Worker(small_job.tree, "all", 0).run()
    lines = said(small_job.tree, "map/0")
    assert lines.count("spilled to disk: the memory is full") == 1
    assert "; spilled " in lines[-1]
    assert "quarantined 1, the first: in a.txt at byte 3800" in lines[-1]


def test_a_heartbeat_says_at_which_task_its_worker_is(job, monkeypatch):
    beats = []

    def look(stage, task, name):
        beats.append(worker._doing)
        return stage_run(stage, task, name)

    stage_run = Stage.run
    monkeypatch.setattr(Stage, "run", look)
    worker = Worker(job.tree, "all", 0)
    worker.run()
    first = json.loads(json.dumps(beats[0]))
    assert {name: first[name] for name in ("stage", "step", "index", "attempts")} == {
        "stage": 0, "step": "map", "index": 0, "attempts": 1
    }  # fmt: skip
    assert first["since"] > 1e9
    assert worker._doing == {}
