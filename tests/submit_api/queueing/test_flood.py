"""A flood of jobs on this machine: limits hold, what waits says so, and somebody's single job doesn't wait for all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fanfold.engines import Handle
from fanfold.engines.local.engine import LocalEngine
from fanfold.planning.planner import PlannedJob
from fanfold_submit.queueing.entries import TOTALS
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll


def submit_many(user: User, count: int) -> list[str]:
    user.put("texts/a.txt")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: user.submit(), range(count)))
    assert {answer.status_code for answer in answers} == {202}, answers[0].text
    return sorted(answer.json()["id"] for answer in answers)


def running(engine: ScriptedEngine) -> int:
    return sum(crew.phase == "active" for crew in engine.crews.values())


@pytest.mark.thorough
def test_what_waits_says_why_and_where_it_stands(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine, jobs=2)
    ada, bob = site.user("ada"), site.user("bob")
    jobs = submit_many(ada, 5)
    bobs = submit_many(bob, 1)[0]
    poll(lambda: sum(ada.job(job)["state"] == "dispatched" for job in jobs) == 2)
    queued = [job for job in jobs if ada.job(job)["state"] == "queued"]
    # Why a job waits follows from the totals that this replica has seen last, which is a moment after it changed them.
    poll(lambda: [ada.job(job)["waiting"]["reason"] for job in queued] == ["jobs"] * 3)
    waits = [ada.job(job)["waiting"] for job in queued]
    assert waits[0]["message"] == "2 jobs run, the most at a time."
    assert bob.job(bobs)["waiting"]["place"] == 1, "bob has nothing that runs"
    assert [wait["place"] for wait in waits] == [2, 3, 4]
    listed = {item["id"]: item["waiting"] for item in ada.http.get("/v1/jobs").json()["items"]}
    assert [listed[job] for job in jobs if listed[job]] == waits
    ended = next(iter(engine.started))
    engine.finish(ended)
    engine.end(ended)
    poll(lambda: bob.job(bobs)["state"] == "dispatched")
    assert bob.job(bobs)["waiting"] is None and running(engine) == 2
    assert ada.wait(ended)["worker_seconds"] > 0


def test_jobs_that_wait_can_be_cancelled_and_removed(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), jobs=1)
    ada = site.user("ada")
    submit_many(ada, 1)
    second = ada.submit().json()["id"]
    poll(lambda: (ada.job(second)["waiting"] or {}).get("place") == 1)
    assert ada.http.post(f"/v1/jobs/{second}/cancel").status_code == 202
    ada.wait(second, "cancelled")
    poll(lambda: ada.http.delete(f"/v1/jobs/{second}").status_code == 204)


def test_each_user_has_limits_of_their_own(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine, jobs_each=1, workers_groups={"staff": 1})
    ada, bob = site.user("ada"), site.bearer(site.keys.signers[0].token("bob", groups=["staff", "choir"]))
    eve = site.bearer(site.keys.signers[0].token("eve", groups=["staff"]))
    for user in (ada, bob, eve):
        user.put("texts/a.txt")
    first, second = ada.submit().json()["id"], ada.submit().json()["id"]
    poll(lambda: ada.job(first)["state"] == "dispatched")
    poll(lambda: (ada.job(second)["waiting"] or {}).get("reason") == "user-jobs")
    bobs = bob.submit().json()["id"]
    poll(lambda: bob.job(bobs)["state"] == "dispatched")
    eves = eve.submit().json()["id"]
    wait = "Jobs of the group staff have 1 of its 1 worker, and the job needs 1."
    poll(lambda: (eve.job(eves)["waiting"] or {}).get("message") == wait)


class Watched(LocalEngine):
    """Notes the order in which jobs start, and how many workers run then."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.at_once: list[int] = []

    def submit(self, plan: PlannedJob) -> Handle:
        handle = super().submit(plan)
        with self._lock:
            self.started.append(plan.conf.id)
            self.at_once.append(sum(crew.running for crew in self._crews.values()))
        return handle


@pytest.mark.thorough
def test_many_jobs_have_two_workers_at_a_time_here(open_site: Callable[..., Site]) -> None:
    """Real workers. Somebody else's single small job starts before a fourth of those that were there first."""
    engine = Watched()
    site = open_site(engine, workers=2)
    ada, bob = site.user("ada"), site.user("bob")
    jobs = submit_many(ada, 8)
    bob.put("texts/a.txt")
    poll(lambda: len(engine.started) >= 3)
    single = bob.submit().json()["id"]
    before = len(engine.started)
    bob.wait(single)
    assert single in engine.started[before - 1 : before + 3]
    for job in jobs:
        ada.wait(job, seconds=120)
    assert max(engine.at_once) <= 2
    poll(lambda: (found := site.records.get(TOTALS)) and found.value["running"] == {})
