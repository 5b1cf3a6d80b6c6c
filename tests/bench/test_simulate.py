"""The simulated cluster runs the product's code to its end, whatever befalls it, and the page says what it showed."""

import inspect
import json
from dataclasses import replace
from typing import Any

import pytest

from bench.simulate import page, planning
from bench.simulate.__main__ import FIGURES
from bench.simulate.bodies import Work
from bench.simulate.bounds import bounds
from bench.simulate.bucket import Server, SimulatedBucket
from bench.simulate.clock import Clock, Event, Lost, Pool, Process
from bench.simulate.cluster import Run, Scenario, figures, simulate
from bench.simulate.stores import S3
from fanfold.planning.sizing import Sizing
from fanfold_storage.errors import Unavailable
from fanfold_storage.objects.s3_bucket import S3Bucket
from fanfold_storage.objects.staged_uploads import PART

SPLIT = 64 << 20
SMALL = Scenario(20 * SPLIT, 4, sizing=Sizing(partitions=4))


def committed(run: Run) -> set[str]:
    return {key for key in run.server.objects if "/commits/" in key}


def test_a_job_runs_to_its_report_by_the_products_own_code():
    run = simulate(SMALL)
    assert run.tasks == {"map": 20, "reduce": 4}
    assert len(committed(run)) == 24
    report = run.server.objects["output/_job/report.json"]
    assert isinstance(report, bytes)
    assert [part["bytes"] for part in json.loads(report)["parts"]] == [5 * SPLIT] * 4
    assert run.server.requests["create commits"] == 24, "each attempt asks once"
    assert run.server.requests["head input"] == 20


def test_the_same_scenario_shows_the_same_figures():
    assert figures(simulate(SMALL)) == figures(simulate(SMALL))


def test_tasks_of_workers_that_are_lost_are_done_by_others():
    whole = simulate(SMALL)
    run = simulate(replace(SMALL, lost=0.5, lost_at=whole.commits["map"] / 2))
    assert run.tasks == whole.tasks
    assert run.reported is not None and whole.reported is not None and run.reported > whole.reported
    assert run.server.requests["create claims"] > 24


def test_stragglers_have_backup_tasks():
    run = simulate(replace(SMALL, stragglers=0.2, slowness=20.0))
    assert run.tasks == {"map": 20, "reduce": 4}
    assert run.duplicates or any("-2.json" in key for key in run.server.objects)


def test_a_slow_store_takes_its_time():
    seconds = [simulate(replace(SMALL, store=store)).reported for store in (S3, S3.slower(5))]
    assert seconds[0] and seconds[1] and seconds[1] > 1.5 * seconds[0]


def test_the_bucket_has_the_methods_of_the_real_one():
    def methods(kind: type) -> dict[str, list[str]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(one).parameters) for name, one in found if not name.startswith("_")}

    real, simulated = methods(S3Bucket), methods(SimulatedBucket)
    assert real.items() <= simulated.items()


def test_a_server_that_gets_too_many_requests_refuses():
    clock = Clock()
    server = Server(clock, replace(S3, reads=1.0))
    outcomes: list[str] = []

    def ask() -> None:
        try:
            server.request("get", "a")
            outcomes.append("served")
        except Unavailable:
            outcomes.append("refused")

    for _ in range(20):
        clock.start(Process("client"), ask)
    clock.run()
    assert len(outcomes) == 20 and outcomes.count("served") < 10 and server.throttled > 10


def test_threads_wait_for_events_and_for_each_other():
    clock = Clock()
    told: list[Any] = []
    event = Event(clock)

    def waiting() -> None:
        told.append((event.wait(1.0), clock.now))
        told.append((event.wait(10.0), clock.now))

    def setting() -> None:
        clock.wait(3.0)
        event.set()
        told.append((list(Pool(clock, 2).map(lambda n: (clock.wait(n), n)[1], [3, 1, 1])), clock.now))  # type: ignore[func-returns-value]

    clock.start(Process("one"), waiting)
    clock.start(Process("other"), setting)
    clock.run()
    assert told == [(False, 1.0), (True, 3.0), ([3, 1, 1], 6.0)]


def test_what_runs_in_a_lost_process_ends_where_it_waits():
    clock, process = Clock(), Process("lost")
    told: list[str] = []

    def work() -> None:
        with pytest.raises(Lost):
            clock.wait(5.0)
        told.append("lost")

    def kill() -> None:
        clock.wait(1.0)
        process.is_lost = True

    thread = clock.start(process, work)
    clock.start(Process("fate"), kill)
    clock.run()
    assert told == ["lost"] and thread.dead


@pytest.mark.thorough
def test_a_worker_asks_less_than_it_did_before():
    crowd = Scenario(300 * SPLIT, 60, work=Work(map=50e6, output=0.01))
    now, before = simulate(crowd), simulate(replace(crowd, formerly=True))
    assert now.tasks == before.tasks
    assert now.server.requests["create claims"] < 0.6 * before.server.requests["create claims"]
    assert now.server.requests["list commits"] < before.server.requests["list commits"]
    assert now.reported and before.reported and now.reported < before.reported


@pytest.mark.thorough
def test_the_plan_of_a_petabyte_is_bounded():
    plan = planning.planned(10**15, Sizing())
    assert plan["tasks"]["map"] < 110_000, "each file has a smaller split in the end"
    assert plan["plan_bytes"] < plan["most_plan_bytes"] / 10


def test_a_planned_job_takes_as_long_as_its_steps_or_as_its_requests():
    tasks = {"map": 931_323, "shuffle": 14_552, "reduce": 10_000}
    sort = bounds(10**15, tasks, Work(output=1.0))
    assert sort.requests == pytest.approx(3 * 10**15 / PART / 3500 / 3600)
    assert sort.hours == sort.map + sort.shuffle + sort.reduce > sort.requests
    few = bounds(10**12, {"map": 14_902, "reduce": 1000}, Work(map=1e12, reduce=1e12, output=0.001))
    assert few.hours == few.requests == pytest.approx(2 * 14_902 * 1000 / 5500 / 3600)


def test_the_page_is_what_the_figures_say():
    found = json.loads(FIGURES.read_text())
    assert page.TARGET.read_text() == page.text(found)
    assert page.TARGET.with_suffix(".svg").read_text() == page.picture(found["crowd"])
