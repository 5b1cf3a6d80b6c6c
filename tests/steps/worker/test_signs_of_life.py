"""Heartbeats, claims and the watchdog by a clock that the tests move: who is dead, when, and what ends a worker."""

import faulthandler
import json
import sys
import threading
from collections.abc import Callable, Iterator
from traceback import walk_stack
from types import FrameType
from typing import Any

import pytest

from fanfold_steps.failure.wording import shortened
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import claims, schedule
from fanfold_steps.worker.claims import Claims
from fanfold_steps.worker.heartbeat import Heartbeat
from fanfold_steps.worker.own_progress import OwnProgress
from fanfold_steps.worker.report import MOST_WORDS, TERMINATION_BYTES, Reporter
from fanfold_steps.worker.schedule import Portion, TaskSchedule
from fanfold_steps.worker.watchdog import Watchdog
from fanfold_storage.errors import Unavailable

TASK = Task(0, "map", 3)


class Clock:
    """Time that passes when it is told to, or while somebody waits."""

    def __init__(self) -> None:
        self.now, self.pauses = 100.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (claims, schedule):
        monkeypatch.setattr(module, "time", clock)
    return clock


def beat(job, number):
    job.tree.objects.put("workers/other.json", [json.dumps({"beat": number}).encode()])


@pytest.mark.parametrize("beats", [True, False])
def test_a_worker_is_dead_once_its_heartbeat_has_stood_still_for_more_than_five_seconds(small_job, clock, beats):
    ours = Claims(small_job.tree, "ours")
    assert ours.is_stale(TASK), "nobody holds it"
    assert Claims(small_job.tree, "other").take(TASK)
    if beats:
        beat(small_job, 0)
    for passed, is_stale in ((0.0, False), (5.0, False), (0.01, True)):
        clock.now += passed
        assert ours.is_stale(TASK) == is_stale
    beat(small_job, 1)
    for passed, is_stale in ((60.0, False), (5.0, False), (0.01, True)):
        clock.now += passed
        assert ours.is_stale(TASK) == is_stale


def test_a_turn_is_a_claim_of_its_own(small_job):
    ours, theirs = Claims(small_job.tree, "ours"), Claims(small_job.tree, "other")
    assert theirs.take(TASK)
    assert not ours.take(TASK)
    assert ours.take(TASK, 2)
    assert ours.take(TASK, 2), "it is still ours"
    assert not theirs.take(TASK, 2)


def test_whoever_waits_looks_less_and_less_often_but_every_two_seconds(small_job, clock):
    assert Claims(small_job.tree, "other").take(TASK)
    commits: Iterator[set[int]] = iter([*[set[int]()] * 9, {3}])

    def committed(near: int | None) -> set[int]:
        beat(small_job, clock.now)
        return next(commits)

    assert list(TaskSchedule(Claims(small_job.tree, "ours"), [TASK], committed, lambda done: None)) == []
    assert clock.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


class Stop:
    """A stop signal that is set after some pauses."""

    def __init__(self, most: int) -> None:
        self.pauses, self.most = list[float](), most

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return len(self.pauses) == self.most


@pytest.fixture
def beating(small_job, monkeypatch) -> Callable[[int], tuple[Heartbeat, Stop, list[str]]]:
    def make(most: int) -> tuple[Heartbeat, Stop, list[str]]:
        flushed: list[str] = []
        signs = Heartbeat(small_job.tree, "all-0", Reporter("all-0"), lambda: flushed.append("log"))
        stop = Stop(most)
        monkeypatch.setattr(signs, "_stop", stop)
        return signs, stop, flushed

    return make


def test_a_heartbeat_comes_every_second_and_is_never_the_same(small_job, beating, monkeypatch):
    signs, stop, flushed = beating(3)
    beats = []
    monkeypatch.setattr(
        type(small_job.tree.objects), "put", lambda _, key, chunks, hint: beats.append(json.loads(chunks[0])["beat"])
    )
    signs._run()
    assert stop.pauses == [1.0, 1.0, 1.0]
    assert len(set(beats)) == len(flushed) == 3


def test_a_heartbeat_that_cannot_be_written_is_told_and_goes_on(small_job, beating, monkeypatch, capsys):
    def away(*_, **__):
        raise Unavailable("no answer")

    signs, stop, _ = beating(2)
    monkeypatch.setattr(type(small_job.tree.objects), "put", away)
    signs._run()
    assert stop.pauses == [1.0, 1.0]
    assert capsys.readouterr().err.count("all-0: no heartbeat was written: no answer") == 2


@pytest.mark.parametrize("is_on_its_way_out", [True, False])
def test_a_failure_elsewhere_ends_the_worker_after_a_moment(small_job, beating, monkeypatch, capsys, is_on_its_way_out):
    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr("os._exit", leave)
    small_job.tree.create("failed.json", {"message": "no more of it"})
    signs, stop, _ = beating(1 if is_on_its_way_out else 9)
    if is_on_its_way_out:
        signs._run()
    else:
        with pytest.raises(SystemExit) as ended:
            signs._run()
        assert ended.value.code == 64
    assert stop.pauses == [0.5]
    assert ("no more of it" in capsys.readouterr().err) == (not is_on_its_way_out)


class Timer(threading.Timer):
    """A timer that never goes off by itself."""

    made: list["Timer"]

    def start(self) -> None:
        Timer.made.append(self)


@pytest.fixture
def dumps(monkeypatch):
    """What faulthandler is asked for, and the timers that were started."""
    asked: list[tuple[Any, ...]] = []
    Timer.made = []
    monkeypatch.setattr(threading, "Timer", Timer)
    monkeypatch.setattr(
        faulthandler, "dump_traceback_later", lambda seconds, **how: asked.append((seconds, how["exit"]))
    )
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: asked.append(("cancelled",)))
    return asked


def test_a_task_gets_its_time_and_two_seconds_more_where_no_thread_can_run(dumps):
    stacks: list[list[str]] = []

    def bite(task: Task, frame: FrameType | None) -> None:
        assert task == TASK
        stacks.append([each.f_code.co_filename for each, _ in walk_stack(frame)])

    dog = Watchdog(30.0, bite, lambda: sys.stderr)
    with dog.during(TASK):
        (timer,) = Timer.made
        assert (timer.interval, timer.daemon) == (30.0, True)
        timer.function()
    assert dumps == [(32.0, True), ("cancelled",)]
    assert [__file__ in stack for stack in stacks] == [True], "where the task's thread is"
    assert timer.finished.is_set()


def test_without_a_timeout_nobody_watches(dumps):
    def dump():
        raise AssertionError("a file that nobody needs")

    with Watchdog(None, lambda task, frame: None, dump).during(TASK):
        pass
    assert dumps == Timer.made == []


def test_what_the_kubelet_keeps_of_a_failure_is_whole_characters(tmp_path, capsys):
    environ = {"FANFOLD_TERMINATION_LOG": str(tmp_path / "log"), "FANFOLD_REPORT": str(tmp_path / "report")}
    Reporter("all-0", environ).failed(Failure(message="x" + "é" * 3000))
    kept = (tmp_path / "log").read_bytes()
    assert TERMINATION_BYTES - 1 <= len(kept) <= TERMINATION_BYTES
    assert kept.decode() in capsys.readouterr().err
    told = json.loads((tmp_path / "report").read_text())
    assert (told["worker"], told["outcome"], told["tasks"]) == ("all-0", "failed", 0)


def test_a_worker_reports_what_it_has_done(tmp_path):
    reporter = Reporter("map-3", {"FANFOLD_REPORT": str(tmp_path / "report")})
    reporter.committed(Commit("a", records=70, bytes=900, seconds=0.25, spills=2, spilled=5000))
    reporter.committed(Commit("b", records=30, bytes=100, seconds=0.5, attempts=3))
    reporter.ended("done")
    assert json.loads((tmp_path / "report").read_text()) == {
        "worker": "map-3", "outcome": "done", "tasks": 2, "records": 100, "bytes": 1000, "spills": 2,
        "spilled": 5000, "retries": 2, "seconds": 0.75,
    }  # fmt: skip


def test_argo_is_told_of_progress_where_there_is_something_to_do(tmp_path):
    file = tmp_path / "progress"
    reporter = Reporter("all-0", {"ARGO_PROGRESS_FILE": str(file)})
    reporter.progress(0, 0)
    assert not file.exists()
    reporter.progress(1, 3)
    assert file.read_text() == "1/3\n"
    Reporter("all-0", {}).progress(1, 3)


STAGES = [(0, {"map": 5, "reduce": 3}), (1, {"map": 2, "shuffle": 2, "reduce": 1})]


def test_what_all_workers_of_a_step_report_adds_up_to_its_tasks(tmp_path):
    """Those for reduce also do maps, and those for map reduces: at whose node a task counts depends on its step."""
    files = {}
    for step, workers in {"map": 2, "reduce": 3}.items():
        for index in range(workers):
            file = files[step, index] = tmp_path / f"{step}-{index}"
            progress = OwnProgress(Reporter("w", {"ARGO_PROGRESS_FILE": str(file)}), step, Portion(index, workers))
            progress.plan(iter(STAGES))
            progress.see(0, "map", {0, 1, 4})
            progress.see(0, "reduce", {0})
            progress.see(1, "shuffle", set())
    told = {key: file.read_text().strip() for key, file in files.items()}
    assert told == {
        ("map", 0): "2/3", ("map", 1): "1/4",
        ("reduce", 0): "1/1", ("reduce", 1): "0/2", ("reduce", 2): "0/3",
    }  # fmt: skip
    totals = [int(text.partition("/")[2]) for text in told.values()]
    assert sum(totals) == sum(count for _, tasks in STAGES for count in tasks.values())


@pytest.mark.parametrize("step", ["all", "stage-1"])
def test_one_that_does_all_steps_counts_all_tasks_of_its_stages(tmp_path, step):
    file = tmp_path / "progress"
    progress = OwnProgress(Reporter("w", {"ARGO_PROGRESS_FILE": str(file)}), step, Portion(0, 1))
    progress.plan(STAGES[1:])
    assert file.read_text() == "0/5\n"
    progress.see(1, "map", {0, 1})
    progress.see(1, "reduce", {0})
    assert file.read_text() == "3/5\n"


def test_a_status_is_a_line(tmp_path):
    reporter = Reporter("all-0", {})
    reporter.status("x" * MOST_WORDS)
    assert reporter.words == "x" * 200
    reporter.status("x" * MOST_WORDS + "y")
    assert reporter.words == f"{'x' * 133} […] {'x' * 66}y"


@pytest.mark.parametrize(("length", "is_cut"), [(8, False), (9, False), (10, True)])
def test_a_text_that_is_too_long_keeps_both_ends(length, is_cut):
    text = "0123456789"[:length]
    assert shortened(text, 9) == ("012345 […] 789" if is_cut else text)
