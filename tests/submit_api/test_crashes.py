"""Every crash point: the process dies before or after each call with an effect, starts again, and the job ends once."""

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from fanfold.engines import Phase
from fanfold.planning import planner
from fanfold_steps.tree.job_tree import JobTree
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.queueing.limits import Limit, Limits
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.reconciling.reconciler import Reconciler
from tests.submit_api.job_lists import wrong_lists
from tests.submit_api.reconciling import Bench

WRITE = planner.write
EFFECTS = {"transact", "submit", "cancel", "write"}


class Killed(BaseException):
    """The process is gone; nothing catches this."""


class Tripwire:
    """Counts calls with effects, and dies before or after one of them; none has an effect from then on."""

    def __init__(self, point: int, after: bool, effects: Collection[str] = EFFECTS) -> None:
        self.point, self.after, self.calls = point, after, 0
        self._effects, self._is_dead = effects, False

    def wrap(self, call: Any) -> Any:
        def tripped(*arguments: Any, **named: Any) -> Any:
            if self._is_dead:
                raise Killed
            self.calls += 1
            is_point = self.calls == self.point
            answer = None if is_point and not self.after else call(*arguments, **named)
            if is_point:
                self._is_dead = True
                raise Killed
            return answer

        return tripped

    def around(self, target: Any) -> Any:
        wire = self

        class Wired:
            def __getattr__(self, name: str) -> Any:
                attribute = getattr(target, name)
                return wire.wrap(attribute) if name in wire._effects else attribute

        return Wired()


def live(bench: Bench, job: Job, wire: Tripwire, monkeypatch: pytest.MonkeyPatch, cancelled: bool) -> None:
    """A job's life under one reconciler, until it is killed or done."""
    records = wire.around(bench.records)
    queueing = Queueing.over(records, Limits(jobs=Limit(1)), bench.clock)
    reconciler = Reconciler(bench.jobs, wire.around(bench.engine), bench.places, bench.reach, queueing, bench.stored)
    monkeypatch.setattr(bench.jobs, "_records", records)
    monkeypatch.setattr(planner, "write", wire.wrap(WRITE))
    for _ in range(20):
        bench.clock.now += 100
        queueing.ledger.load()
        queueing.ledger.grant()
        if reconciler.reconcile(job.id) is None:
            return
        current = bench.jobs.find(job.id)
        assert current
        if current.job.state is State.DISPATCHED and cancelled and current.job.desired == "run":
            monkeypatch.setattr(bench.jobs, "_records", bench.records)
            bench.cancel(job)  # another process does that: it isn't what dies
            monkeypatch.setattr(bench.jobs, "_records", records)
        elif current.job.state is State.DISPATCHED and not cancelled:
            bench.engine.finish(job.id)
            bench.engine.end(job.id)


def crash_at(folder: Path, point: int, after: bool, cancelled: bool) -> bool:
    """Whether that point was reached. Afterwards the job must have ended, once."""
    bench = Bench(folder)
    job = bench.admit(f"{bench.root}files/ada/counts/", granted=False)
    wire = Tripwire(point, after)
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.suppress(Killed):
        live(bench, job, wire, monkeypatch, cancelled)
    with pytest.MonkeyPatch.context() as monkeypatch:
        live(bench, job, Tripwire(0, False), monkeypatch, cancelled)
    settled = bench.settle(job)
    bench.reconciler.stop_strays()
    assert settled.state == ("cancelled" if cancelled else "succeeded")
    assert bench.engine.started == [job.id], "one set of workers"
    assert all(crew.phase is not Phase.ACTIVE for crew in bench.engine.crews.values())
    assert bool(JobTree.open(job.url).find("report.json")) != cancelled
    assert bench.jobs.queue()[0] == [] and bench.jobs.writer_of(job) is None
    assert wrong_lists(bench.records) == set()
    assert bench.ledger.held() == [] and list(bench.jobs.waiting()) == []
    bench.records.close()
    return wire.calls >= point


@pytest.mark.thorough
@pytest.mark.parametrize("cancelled", [False, True], ids=["run", "cancel"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_point_changes_nothing(tmp_path: Path, after: bool, cancelled: bool) -> None:
    point = 1
    while crash_at(tmp_path / str(point), point, after, cancelled):
        point += 1
        assert point < 50
    assert point > 6, "a job's life has more effects than that"
