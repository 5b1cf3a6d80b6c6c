"""What a job may reach follows from what its owner may when its workers start, not from when it was submitted."""

from collections.abc import Callable
from typing import Any

import pytest

from fanfold_storage.records import Write
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.refusals import AuthAway
from fanfold_submit.tokens.standing import PAUSE, STANDING
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.submit_api.test_shared_folders import named
from tests.submit_api.test_teams import COUNT, member
from tests.waiting import poll


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def busy(open_site: Callable[..., Site], engine: ScriptedEngine) -> Site:
    """A site where one job runs at a time, and one does: others wait until it is cancelled."""
    site = open_site(engine, jobs=1)
    eve = site.user("eve")
    eve.put("texts/a.txt")
    site.first = eve.submit().json()["id"]  # type: ignore[attr-defined]
    poll(lambda: eve.job(site.first)["workflow"])  # type: ignore[attr-defined]
    return site


def let_go(site: Site) -> None:
    """End the job that runs, so that the next one may."""
    site.user("eve").http.post(f"/v1/jobs/{site.first}/cancel").raise_for_status()  # type: ignore[attr-defined]


def queued(site: Site, **changes: Any) -> tuple[User, str]:
    """bob, and a job that he has submitted for his team, and that waits."""
    bob = member(site, "bob")
    bob.put("@team/choir/texts/a.txt")
    answer = bob.submit({**COUNT, **changes})
    assert answer.status_code == 202, answer.text
    return bob, answer.json()["id"]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (["submitter"], "isn't in the group 'choir' any more"),
        (["viewer", "choir"], "may not submit jobs any more; their roles: viewer"),
        (None, "revoked, or its user was removed"),
    ],
)
def test_a_job_of_a_team_fails_if_its_owner_has_left(busy: Site, engine: ScriptedEngine, now: Any, words: str) -> None:
    bob, job = queued(busy)
    if now is None:
        del busy.keys.roles["bob"]
    else:
        busy.keys.roles["bob"] = now
    let_go(busy)
    failed = bob.wait(job, "failed")
    assert words in failed["error"]["detail"] and failed["error"]["title"] == "The job can't run as requested"
    assert job not in engine.started, "no worker reaches the team's files"


def test_it_waits_while_nobody_can_say_and_says_so(busy: Site, engine: ScriptedEngine) -> None:
    bob, job = queued(busy)
    busy.keys.away = True
    let_go(busy)
    waiting = poll(lambda: (seen := bob.job(job)["waiting"]) and seen["reason"] == "auth" and seen)
    assert waiting["message"] == (
        "The auth service doesn't answer, and only it knows whether 'bob' is still in the team."
    )
    busy.keys.away = False
    poll(lambda: job in engine.started)
    assert poll(lambda: (seen := bob.job(job))["workflow"] and seen)["waiting"] is None


def test_an_auth_service_that_is_away_is_asked_by_one_job_at_a_time(busy: Site) -> None:
    """Each question may take seconds, which the threads that take the steps of all jobs don't have."""
    queued(busy)
    standing = busy.apps[0].app.state.service.standing
    busy.keys.away = True
    with pytest.raises(AuthAway):
        standing.now("bob")
    busy.keys.away = False
    with pytest.raises(AuthAway):
        standing.now("bob")
    standing._ask_again -= PAUSE  # as if so much time had passed
    assert standing.now("bob").teams == ("choir",)
    assert standing.now("bob").teams == ("choir",)


def test_nobody_retries_the_job_of_a_member_who_has_left(busy: Site) -> None:
    bob, job = queued(busy)
    ada = member(busy, "ada")
    bob.http.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    bob.wait(job, "cancelled")
    jobs = busy.apps[0].app.state.service.jobs
    poll(lambda: not jobs.is_queued(jobs.find(job).job))
    busy.keys.roles["bob"] = ["submitter"]
    for user in (ada, busy.user("root", "admin")):
        refused = user.http.post(f"/v1/jobs/{job}/retry")
        assert refused.status_code == 403 and refused.json()["type"].endswith("reach-lost"), refused.text
    busy.keys.roles["bob"] = ["submitter", "choir"]
    assert ada.http.post(f"/v1/jobs/{job}/retry").status_code == 202


def test_one_delegation_serves_all_jobs_of_a_user_until_it_is_of_no_use(busy: Site) -> None:
    bob, job = queued(busy)
    assert bob.submit(COUNT).status_code == 202
    assert list(busy.keys.delegations.values()) == ["bob"]
    busy.keys.delegations.clear()
    let_go(busy)
    bob.wait(job, "failed")
    assert busy.records.get(f"{STANDING}bob") is None
    assert bob.submit(COUNT).status_code == 202
    assert list(busy.keys.delegations.values()) == ["bob"]
    busy.user("root", "admin").http.delete("/v1/owners/bob")
    assert busy.keys.delegations == {} and busy.records.get(f"{STANDING}bob") is None


def test_without_one_no_job_is_admitted_for_a_team(busy: Site) -> None:
    bob = member(busy, "bob")
    bob.put("@team/choir/texts/a.txt")
    busy.keys.delegates = False
    refused = bob.submit(COUNT)
    assert refused.status_code == 503 and bob.http.get("/v1/jobs").json()["items"] == []
    bob.put("texts/a.txt")
    assert bob.submit().status_code == 202, "one's own jobs need none"


def test_a_script_leaves_one_that_its_user_replaces(busy: Site) -> None:
    script, bob = member(busy, "bob", via="token-1"), member(busy, "bob")
    bob.put("@team/choir/texts/a.txt")
    assert script.submit(COUNT).status_code == 202
    (first,) = busy.keys.delegations
    assert bob.submit(COUNT).status_code == 202
    (second,) = busy.keys.delegations
    assert first != second
    assert script.submit(COUNT).status_code == 202 and list(busy.keys.delegations) == [second]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("schedules", {"name": "n", "cron": "0 3 * * *", "request": {**COUNT, "output": "files:counts/{date}/"}}),
        ("schedules/n/resume", None),
    ],
)
def test_a_script_has_no_schedules_that_outlast_its_token(busy: Site, path: str, body: Any) -> None:
    refused = member(busy, "bob", via="token-1").http.post(f"/v1/{path}", json=body)
    assert refused.status_code == 403 and "API token" in refused.json()["detail"], refused.text
    assert busy.keys.delegations == {}


def test_a_job_writes_into_a_shared_folder_only_while_it_is_its_owners(busy: Site, engine: ScriptedEngine) -> None:
    old, root = named(busy, "ada", "id-1"), busy.user("root", "admin")
    old.put("texts/a.txt")
    job = old.submit(output="files:@shared/ada/out/").json()["id"]
    theirs = root.submit({"job": {"builtin": "wordcount"}, "inputs": ["files:@shared/t/"]}).status_code
    assert theirs == 422  # nothing is there
    new = named(busy, "ada", "id-2")
    new.put("@shared/ada/a.txt", b"by the second")
    let_go(busy)
    failed = old.wait(job, "failed")
    assert "@shared/ada/ doesn't belong to the owner of the job any more" in failed["error"]["detail"]
    assert job not in engine.started
    jobs = busy.apps[0].app.state.service.jobs
    poll(lambda: not jobs.is_queued(jobs.find(job).job))
    assert old.http.post(f"/v1/jobs/{job}/retry").status_code == 403


def test_an_administrator_writes_there_whoever_has_it(busy: Site, engine: ScriptedEngine) -> None:
    ada, root = busy.user("ada"), busy.user("root", "admin")
    ada.put("@shared/ada/a.txt")
    job = root.submit(
        {"job": {"builtin": "wordcount"}, "inputs": ["files:@shared/ada/a.txt"], "output": "files:@shared/ada/out/"}
    ).json()["id"]
    let_go(busy)
    poll(lambda: job in engine.started)


def test_fields_of_a_later_version_stay_when_a_job_is_written(busy: Site) -> None:
    """A replica of this version may take the job's next step while others are a version further."""
    _, job = queued(busy)
    jobs = busy.apps[0].app.state.service.jobs
    current = jobs.find(job)
    later = {**current.job.model_dump(mode="json"), "of_tomorrow": {"must": "stay"}}
    stored = Job.model_validate(later)
    assert stored.view().model_dump().keys() == current.job.view().model_dump().keys()
    after = (
        stored.changed(desired="cancel").changed(state=State.CANCELLED).next_run("2026-12-01T00:00:00Z", resumed=True)
    )
    assert after.model_dump(mode="json")["of_tomorrow"] == {"must": "stay"}


def test_a_schedule_leaves_one_if_its_jobs_are_a_teams_and_again_when_it_is_resumed(busy: Site) -> None:
    bob = member(busy, "bob")
    nightly = {"name": "nightly", "cron": "0 3 * * *", "request": {**COUNT, "inputs": ["files:texts/"], "team": None}}
    bob.put("texts/a.txt")
    bob.put("@team/choir/texts/a.txt")
    assert bob.http.post("/v1/schedules", json=nightly).status_code == 201
    assert bob.http.post("/v1/schedules/nightly/resume").status_code == 200
    assert busy.records.get(f"{STANDING}bob") is None, "nobody will ask whether bob is in the team"
    assert bob.http.post("/v1/schedules", json={**nightly, "name": "team", "request": COUNT}).status_code == 201
    key = f"{STANDING}bob"
    assert busy.records.get(key)
    busy.records.transact([], [Write(key, None)])
    assert bob.http.post("/v1/schedules/team/resume").status_code == 200
    assert busy.records.get(key)
