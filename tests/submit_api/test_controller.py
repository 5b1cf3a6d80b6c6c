"""The controller's pauses: after each failure twice as long, never above a limit, and at once after a success."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import Unavailable
from fanfold_submit.reconciling.controller import AT_ONCE, Controller
from tests.submit_api.reconciling import Bench
from tests.waiting import poll

DOUBLING = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


class Script:
    """A reconciler, a queue and a stop signal in one: it raises or returns what a test says, and notes the pauses."""

    def __init__(self) -> None:
        self.outcomes: list[Any] = []
        self.pauses: list[float | None] = []

    def reconcile(self, _: str) -> float | None:
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

    def watch(self) -> Iterator[str]:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    def longest(least: float, most: float) -> float:
        assert (least, most) == (0.5, 1.0), "jitter takes up to half away, and adds nothing"
        return most

    monkeypatch.setattr("random.uniform", longest)
    return Script()


@pytest.fixture
def controller(script: Script, monkeypatch: pytest.MonkeyPatch) -> Controller:
    controller = Controller(script, None, None, 30.0)  # type: ignore[arg-type]
    monkeypatch.setattr(controller, "_queue", script)
    monkeypatch.setattr(controller, "_stop", script)
    return controller


@pytest.mark.parametrize("failure", [EngineError("away"), Unavailable("away"), ZeroDivisionError("a bug")])
def test_a_job_that_fails_to_be_reconciled_waits_longer_each_time(
    controller: Controller, script: Script, failure: Exception
) -> None:
    script.outcomes = [*[failure] * len(DOUBLING), 0.25, failure, None]
    for _ in list(script.outcomes):
        controller._reconcile("job")
    assert script.pauses == [*DOUBLING, 0.25, DOUBLING[0], None]


def test_jobs_wait_each_for_themselves(controller: Controller, script: Script) -> None:
    script.outcomes = [EngineError("away")] * 4
    for job in ("one", "one", "other", "one"):
        controller._reconcile(job)
    assert script.pauses == [0.5, 1.0, 0.5, 2.0]


@pytest.mark.parametrize("failure", [EngineError("away"), Unavailable("away"), ZeroDivisionError("a bug")])
def test_a_watch_that_breaks_is_opened_again_ever_more_slowly(
    controller: Controller, script: Script, failure: Exception
) -> None:
    script.outcomes = [*[failure] * len(DOUBLING), "job", failure]
    controller._follow("the engine", script.watch)
    assert script.pauses == [*DOUBLING, *DOUBLING[:2]]


def test_a_controller_that_was_not_started_is_not_alive(tmp_path: Path) -> None:
    assert not Controller(Script(), None, None, 30.0).alive  # type: ignore[arg-type]


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
    controller = Controller(held, bench.jobs, bench.engine, 30.0)  # type: ignore[arg-type]
    controller.start()
    poll(lambda: len(held.started) == AT_ONCE)
    stopping = threading.Thread(target=controller.stop)
    stopping.start()
    poll(controller._stop.is_set)
    held.gate.set()
    stopping.join(30)
    assert not stopping.is_alive() and len(held.started) == AT_ONCE
