"""A controller's pauses: after each failure twice as long, never above a limit, and at once after a success."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import Unavailable
from fanfold_submit.controllers import controller as controller_module
from fanfold_submit.controllers.controller import AT_ONCE, Chore, Controller
from fanfold_submit.controllers.stopping import Stopping
from fanfold_submit.reconciling.job_controller import JobController
from tests.submit_api.reconciling import Bench
from tests.waiting import poll

DOUBLING = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


class Script:
    """A step, a queue and a stop signal in one: it raises or returns what a test says, and notes the pauses."""

    def __init__(self) -> None:
        self.outcomes: list[Any] = []
        self.pauses: list[float | None] = []

    def __call__(self, _: str) -> float | None:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    def done(self, _: str, again: float | None) -> None:
        self.pauses.append(again)

    def put(self, _: str, __: float) -> None:
        """The job is due."""

    def is_set(self) -> bool:
        return not self.outcomes

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def watch(self, _: Stopping) -> Iterator[str]:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    def longest(_: object, least: float, most: float) -> float:
        assert (least, most) == (0.5, 1.0), "jitter takes up to half away, and adds nothing"
        return most

    monkeypatch.setattr("random.SystemRandom.uniform", longest)
    return Script()


@pytest.fixture
def controller(script: Script, monkeypatch: pytest.MonkeyPatch) -> Controller:
    controller = Controller("job", script, {})
    monkeypatch.setattr(controller, "_queue", script)
    monkeypatch.setattr(controller, "_stopping", script)
    return controller


@pytest.mark.parametrize("failure", [EngineError("away"), Unavailable("away"), ZeroDivisionError("a bug")])
def test_a_job_that_fails_to_be_reconciled_waits_longer_each_time(
    controller: Controller, script: Script, failure: Exception
) -> None:
    script.outcomes = [*[failure] * len(DOUBLING), 0.25, failure, None]
    for _ in list(script.outcomes):
        controller._take_step("job")
    assert script.pauses == [*DOUBLING, 0.25, DOUBLING[0], None]


def test_jobs_wait_each_for_themselves(controller: Controller, script: Script) -> None:
    script.outcomes = [EngineError("away")] * 4
    for job in ("one", "one", "other", "one"):
        controller._take_step(job)
    assert script.pauses == [0.5, 1.0, 0.5, 2.0]


@pytest.mark.parametrize("failure", [EngineError("away"), Unavailable("away"), ZeroDivisionError("a bug")])
def test_a_watch_that_breaks_is_opened_again_ever_more_slowly(
    controller: Controller, script: Script, failure: Exception
) -> None:
    script.outcomes = [*[failure] * len(DOUBLING), "job", failure]
    controller._follow("the engine", script.watch)
    assert script.pauses == [*DOUBLING, *DOUBLING[:2]]


def test_a_controller_that_was_not_started_is_not_alive() -> None:
    assert not Controller("job", Script(), {}).alive


def test_chores_are_done_again_and_again_but_never_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller_module, "IDLE", 0.01)
    done, gate = list[str](), threading.Event()

    def slow(stopping: Stopping) -> None:
        done.append("slow")
        while not (gate.is_set() or stopping.is_set()):
            stopping.wait(0.01)

    def failing(_: Stopping) -> None:
        done.append("failing")
        raise ZeroDivisionError

    chores = [
        Chore("slow", 0.01, slow), Chore("failing", 0.01, failing),
        Chore("late", 60.0, lambda _: done.append("late"), at_start=False),
    ]  # fmt: skip
    controller = Controller("job", lambda _: None, {}, chores)
    controller.start()
    poll(lambda: done.count("failing") > 3)
    assert done.count("slow") == 1 and "late" not in done
    gate.set()
    poll(lambda: done.count("slow") > 1)
    controller.stop()
    assert not controller.alive


class Held:
    """A reconciler whose steps don't end before they are let go."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.gate = threading.Event()

    def reconcile(self, job_id: str) -> None:
        self.started.append(job_id)
        assert self.gate.wait(30)

    def stop_strays(self) -> None:
        """There are none."""


def test_stopping_waits_for_the_steps_under_way_and_for_no_others(tmp_path: Path) -> None:
    bench, held = Bench(tmp_path), Held()
    for _ in range(AT_ONCE + 8):
        bench.admit()
    controller = JobController(held, bench.jobs, bench.engine, 30.0)  # type: ignore[arg-type]
    controller.start()
    poll(lambda: len(held.started) == AT_ONCE)
    stopping = threading.Thread(target=controller.stop)
    stopping.start()
    poll(controller._stopping.is_set)
    held.gate.set()
    stopping.join(30)
    assert not stopping.is_alive() and len(held.started) == AT_ONCE
