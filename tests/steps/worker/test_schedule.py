"""Which tasks a worker takes: what it costs, and that a worker who stops or lags holds nobody up."""

import json
import signal
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import schedule as turns
from fanfold_steps.worker.claims import Claims
from fanfold_steps.worker.logs import Logs
from fanfold_steps.worker.loop import Worker
from fanfold_steps.worker.schedule import Portion, TaskSchedule
from fanfold_storage.objects.filesystem import FilesystemObjects
from tests.waiting import poll

SLOW = StageSpec(Function("tests.steps.functions:slow_pairs"), Aggregate("Sum"))


@given(st.integers(0, 300), st.integers(1, 40))
def test_a_portion_begins_with_its_own_tasks_and_all_portions_are_everything(count, peers):
    orders = [list(Portion(index, peers).order(count)) for index in range(peers)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    own = [order[: (index + 1) * count // peers - index * count // peers] for index, order in enumerate(orders)]
    assert [index for portion in own for index in portion] == list(range(count))


class Clock:
    """Time that passes only when somebody waits; then something happens."""

    def __init__(self, meanwhile):
        self.now, self.waited, self.meanwhile = 0.0, [], meanwhile

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.waited.append(seconds)
        self.meanwhile()


def turns_of(job, name, count=6, peers=1):
    tasks = [Task(0, "map", index) for index in Portion(0, peers).order(count)]
    return TaskSchedule(Claims(job.tree, name), tasks, partial(listed, job), lambda done: None)


def listed(job, near=None):
    return set(job.tree.committed(0, "map", near))


def commit(job, task, seconds=0.01):
    assert job.tree.commit(task, Commit("a", 0, 0, seconds=seconds))


def test_a_task_that_takes_far_longer_than_its_fellows_is_run_once_more_by_one(small_job, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.1)
    for name in ("lame", "idle", "also-idle"):
        small_job.tree.objects.put(f"workers/{name}.json", [b'{"beat": 1}'])
    assert Claims(small_job.tree, "lame").take(Task(0, "map", 5))
    idle, also_idle = iter(turns_of(small_job, "idle")), iter(turns_of(small_job, "also-idle"))
    for index in range(5):
        assert next(idle).index == index
        commit(small_job, Task(0, "map", index))
    assert next(idle) == Task(0, "map", 5)
    monkeypatch.setattr(turns, "time", Clock(lambda: commit(small_job, Task(0, "map", 5))))
    assert list(also_idle) == []  # it waited, and did not take it too


def test_a_task_without_fellows_and_one_of_short_ones_are_left_to_their_worker(small_job, monkeypatch):
    assert Claims(small_job.tree, "other").take(Task(0, "map", 0))
    small_job.tree.objects.put("workers/other.json", [b'{"beat": 1}'])
    clock = Clock(lambda: None)
    clock.meanwhile = lambda: len(clock.waited) == 4 and commit(small_job, Task(0, "map", 0))
    monkeypatch.setattr(turns, "time", clock)
    assert list(turns_of(small_job, "idle", count=1)) == []
    assert clock.waited == [0.05, 0.1, 0.2, 0.4]


class Counted(FilesystemObjects):
    """A store that counts what is asked of it; beats are another thread's, and go by time."""

    calls: ClassVar[Counter[str]] = Counter()
    thread = threading.get_ident()

    def __getattribute__(self, name):
        is_call = name in ("read", "put", "put_if_absent", "list", "stat", "delete", "stage", "commit", "abort")
        if is_call and threading.get_ident() == Counted.thread:
            Counted.calls[name] += 1
        return super().__getattribute__(name)


def calls_for(job, tasks):
    """Calls to the store of the job's tree that a job of so many maps makes."""
    job.write_input({f"{number:04d}.txt": b"w\n" * 512 for number in range(tasks)})
    job.create(partitions=1)
    Worker(count_calls(job), "all", 0).run()
    assert len(list(job.tree.committed(0, "map"))) == tasks
    return Counted.calls


def count_calls(job):
    """The tree with a store that counts."""
    Counted.calls, Counted.thread = Counter(), threading.get_ident()
    return JobTree(Counted(job.root / "job"))


def test_one_refused_claim_shows_which_tasks_others_have(small_job, monkeypatch):
    others = Claims(small_job.tree, "other")
    for index in range(90):
        assert others.take(Task(0, "map", index))
    monkeypatch.setattr(turns, "time", Clock(lambda: None))
    tree = count_calls(small_job)
    tasks = [Task(0, "map", index) for index in range(100)]
    schedule = TaskSchedule(Claims(tree, "ours"), tasks, lambda near: set(), lambda done: None)
    assert [task.index for task in schedule.unclaimed()] == list(range(90, 100))
    assert [Counted.calls[name] for name in ("put_if_absent", "read", "list")] == [11, 1, 1]


def test_a_worker_that_is_started_again_does_what_it_held_among_the_tasks_of_others(small_job, monkeypatch):
    for index in range(5):
        assert Claims(small_job.tree, "ours" if index == 3 else "other").take(Task(0, "map", index))
    small_job.tree.objects.put("workers/other.json", [b'{"beat": 1}'])
    small_job.tree.objects.put("workers/ours.json", [b'{"beat": 1}'])
    monkeypatch.setattr(
        turns, "time", Clock(lambda: [commit(small_job, Task(0, "map", index)) for index in (0, 1, 2, 4)])
    )
    ours = iter(turns_of(small_job, "ours", count=5))
    assert next(ours) == Task(0, "map", 3)
    commit(small_job, Task(0, "map", 3))
    assert list(ours) == []


def test_whoever_waits_lists_the_neighbourhoods_of_tasks_that_are_left_and_looks_at_some_tasks_a_time(
    small_job, monkeypatch
):
    class SlowStore(Clock):
        """A request takes 0.2 s."""

        def take_time(self, call):
            def taking(*arguments):
                self.now += 0.2
                return call(*arguments)

            return taking

    tasks = [Task(0, "map", index) for index in range(0, 9000, 500)]
    for task in tasks:
        assert Claims(small_job.tree, "other").take(task)
    near: list[int] = []
    asked: list[tuple[str, int]] = []
    done: set[int] = set()

    def end_some():
        done.update(task.index for task in tasks if task.index // 1000 in {index // 1000 for index in near})

    clock = SlowStore(end_some)
    claims = Claims(small_job.tree, "ours")
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(
        Claims, "is_stale", clock.take_time(lambda self, task, turn: asked.append(("look", task.index)))
    )

    def committed(index):
        if index is not None:
            near.append(index)
            asked.append(("list", index))
        return clock.take_time(lambda: {one for one in done if index is not None and one // 1000 == index // 1000})()

    assert list(TaskSchedule(claims, tasks, committed, lambda done: None)) == []
    first = [("list", 0), ("list", 1000), ("list", 2000), ("look", 0), ("look", 500), ("look", 1000)]
    assert asked[:7] == [*first, ("list", 3000)], "half a second of each"
    assert Counter(index // 1000 for index in near) == dict.fromkeys(range(9), 2), "until all of it is committed"


def test_those_that_are_done_first_do_not_say_how_long_a_task_takes(small_job, monkeypatch):
    small_job.tree.objects.put("workers/other.json", [b'{"beat": 1}'])
    for index in range(5):
        assert Claims(small_job.tree, "other").take(Task(0, "map", index))
    commit(small_job, Task(0, "map", 4), 0.5)

    def end_some():
        if clock.now > 20 and 1 not in listed(small_job):
            for index in (1, 2, 3):
                commit(small_job, Task(0, "map", index), 20.0)

    clock = Clock(end_some)
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(Claims, "is_stale", lambda *_: False)
    late = next(iter(turns_of(small_job, "idle", count=5)))
    assert late.index == 0 and 40 < clock.now < 40 + 2 * turns.LONGEST_WAIT


@pytest.mark.thorough
def test_what_a_task_asks_of_the_store_does_not_grow_with_the_tasks(small_job, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(Logs, "flush", lambda logs: None)  # which goes by time, too
    jobs = [type(small_job)(tmp_path_factory.mktemp("job")) for _ in range(3)]
    few, more, many = (calls_for(job, tasks) for job, tasks in zip(jobs, (10, 20, 40), strict=True))
    ten, twenty = more - few, many - more
    assert twenty == Counter({name: 2 * count for name, count in ten.items()})
    assert ten["list"] == 0
    assert sum(ten.values()) <= 10 * 9  # with those that the store makes of itself


@pytest.mark.thorough
def test_a_worker_that_is_stopped_holds_nobody_up_and_continued_does_no_harm(small_job, tmp_path_factory):
    """Of 40 tasks of 0.1 s, with one of two workers stopped, in 1.5 times what one worker alone needs."""
    alone = type(small_job)(tmp_path_factory.mktemp("alone"))
    texts = {f"{number:02d}.txt": b"slow\n" + b"w\n" * 400 for number in range(40)}
    for job, workers in ((small_job, 2), (alone, 1)):
        job.write_input(texts)
        job.create(SLOW, workers={"all": workers})
    began = time.monotonic()
    left, stopped, single = small_job.start("all", 0), small_job.start("all", 1), alone.start("all", 0)
    try:
        poll(lambda: sum(1 for _ in small_job.tree.committed(0, "map")) >= 10)
        stopped.send_signal(signal.SIGSTOP)
        ended: dict[Path, float] = {}

        def both_ended():
            for job in (small_job, alone):
                if job.root not in ended and job.tree.find("report.json"):
                    ended[job.root] = time.monotonic() - began
            return len(ended) == 2

        poll(both_ended, 60)
    finally:
        stopped.send_signal(signal.SIGCONT)
    crew = (left, stopped, single)
    assert [process.wait(timeout=20) for process in crew] == [0, 0, 0]
    for process in crew:
        process.communicate()
    assert ended[small_job.root] <= 1.5 * ended[alone.root]
    assert small_job.output() == alone.output()
    assert small_job.output()["part-00000.txt"] + small_job.output()["part-00001.txt"] == b"slow\t40\nw\t16000\n"
    commits = [small_job.tree.commit_of(Task(0, "map", index)) for index in range(40)]
    assert sum(commit.records for commit in commits) == 40 * 401
    runs = {f"{index:05d}-{commit.attempt}.run" for index, commit in enumerate(commits)}
    assert {stat.key.rpartition("/")[2] for stat in small_job.tree.objects.list("stage-0/map/runs/")} == runs
    left_over = [path.name for path in (small_job.root / "out").rglob("*") if path.is_file()]
    assert sorted(left_over) == ["_SUCCESS", "part-00000.txt", "part-00001.txt"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (json.dumps({"task": None, "message": "no more of it"}).encode(), "no more of it"),
        (b'{"task": null, "mess', "the job failed, but its failed.json can't be read"),
    ],
)
def test_a_worker_deep_in_a_task_leaves_when_the_job_has_failed(small_job, failed, told):
    small_job.write_input({"a.txt": b"slow\n" * 1000})
    small_job.create(SLOW, split_size=1 << 20)
    process = small_job.start()
    poll(lambda: list(small_job.tree.objects.list("claims/0-map")))
    small_job.tree.objects.put("failed.json", [failed])
    assert process.wait(timeout=10) == 64
    assert told in process.communicate()[1]


@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_the_longest_that_a_task_may_take_follows_from_its_fellows(small_job, monkeypatch, seconds):
    small_job.tree.objects.put("workers/other.json", [b'{"beat": 1}'])
    assert Claims(small_job.tree, "other").take(Task(0, "map", 1))
    commit(small_job, Task(0, "map", 0), seconds)
    clock = Clock(lambda: None)
    monkeypatch.setattr(turns, "time", clock)
    assert next(iter(turns_of(small_job, "idle", count=2))).index == 1
    assert max(1.0, 2 * seconds) < clock.now < max(1.0, 2 * seconds) + turns.LONGEST_WAIT
