"""Schedules over HTTP: what may be had, who sees it, and what is told."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.urls import open_records
from fanfold_submit.jobs.places import Places
from fanfold_submit.reconciling.clearing import DAY, Cleared, Clearing, Kept
from fanfold_submit.schedules.uploads import named_by_schedules
from fanfold_submit.tokens.delegations import Delegations
from tests.submit_api.conftest import Site, User
from tests.submit_api.scheduling import Owners, Scheduling
from tests.waiting import poll

NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "cron": "0 3 * * *",
    "timezone": "Europe/Athens",
    "request": {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "output": "files:counts/{date}/"},
}


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> Owners:
    """What the auth service says of delegations, which are all ada's."""
    owners = Owners()
    monkeypatch.setattr(Delegations, "obtain", lambda _, token, purpose: owners.obtain("ada", purpose))
    monkeypatch.setattr(Delegations, "redeem", lambda _, delegation: owners.redeem(delegation))
    monkeypatch.setattr(Delegations, "revoke", lambda _, delegation: owners.revoke(delegation))
    return owners


@pytest.fixture
def ada(site: Site, owners: Owners) -> User:
    ada = site.user("ada")
    ada.put("texts/a.txt")
    return ada


def add(user: User, **changes: Any) -> Any:
    return user.http.post("/v1/schedules", json=NIGHTLY | changes)


@pytest.mark.thorough
def test_a_schedule_from_its_birth_to_its_end(site: Site, ada: User, owners: Owners) -> None:
    added = add(ada)
    assert (added.status_code, added.headers["Location"]) == (201, "/v1/schedules/nightly")
    assert len(added.json()["next"]) == 5 and added.json()["request"] == NIGHTLY["request"]
    again = add(ada)
    assert again.status_code == 200 and len(owners.issued) == 1
    other = add(ada, cron="0 4 * * *")
    assert other.status_code == 409 and other.json()["type"].endswith("schedule-exists")
    (listed,) = ada.http.get("/v1/schedules").json()["items"]
    assert listed["name"] == "nightly" and "request" not in listed and listed["paused"] is None
    paused = ada.http.post("/v1/schedules/nightly/pause").json()
    assert (paused["paused"], paused["next"]) == ("Paused by ada.", [])
    ran = ada.http.post("/v1/schedules/nightly/run")
    assert ran.status_code == 202 and ran.json()["schedule"]["name"] == "nightly"
    ada.wait(ran.json()["id"])
    shown = ada.http.get("/v1/schedules/nightly").json()
    entry = shown["history"][0]
    assert (entry["job"], entry["by_hand"], entry["state"]) == (ran.json()["id"], True, "succeeded")
    assert ada.http.post("/v1/schedules/nightly/resume").json()["paused"] is None
    assert ada.http.delete("/v1/schedules/nightly").status_code == 204
    assert ada.http.get("/v1/schedules/nightly").status_code == 404
    assert sorted(owners.revoked) == sorted(owners.issued)


@pytest.mark.thorough
def test_the_service_fires_it_by_itself(site: Site, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    add(ada, cron="* * * * *", overlap="allow", catch_up="last", request=NIGHTLY["request"] | {"output": None})
    records = site.apps[0].app.state.service.schedules.records
    current = records.find("ada/nightly")
    past = current.schedule.model_copy(update={"handled": current.schedule.handled - 120})
    assert records.change(current, past)
    jobs = poll(lambda: ada.http.get("/v1/jobs").json()["items"])
    assert jobs[0]["schedule"]["name"] == "nightly"
    ada.wait(jobs[0]["id"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cron": "0 3 * *"}, "is not a cron expression: write minute"),
        ({"cron": "0 0 3 * * *"}, "is not a cron expression: write minute"),
        ({"cron": "0 25 * * *"}, "is not a cron expression: Bad hour"),
        ({"cron": "0 0 30 2 *"}, "is not a cron expression"),
        ({"timezone": "Athens"}, "'Athens' is not a time zone"),
        ({"timezone": "../../etc/passwd"}, "is not a time zone"),
        ({"timezone": "Europe"}, "is not a time zone"),
        ({"timezone": "a\0"}, "is not a time zone"),
        ({"catch_up": "all"}, "would be skipped while its job runs"),
        ({"request": NIGHTLY["request"] | {"output": "files:counts/"}}, "would be the same, files:counts/"),
        ({"cron": "0 3,15 * * *"}, "the output would be the same, files:counts/"),
        ({"request": NIGHTLY["request"] | {"output": "files:{day}/"}}, "{day} in 'files:{day}/' stands for nothing"),
        ({"request": NIGHTLY["request"] | {"output": "files:{date}{/"}}, "{ in 'files:{date}{/' stands for nothing"),
        ({"request": NIGHTLY["request"] | {"output": "files:../{date}/"}}, "is not a valid path"),
        ({"request": NIGHTLY["request"] | {"output": "s3://x/{date}/"}}, "is not among the S3 places"),
        ({"request": NIGHTLY["request"] | {"name": "{{date}}"}}, "Argo would take for a template"),
        ({"request": NIGHTLY["request"] | {"job": {"builtin": "nothing"}}}, "no built-in job 'nothing'"),
        ({"request": NIGHTLY["request"] | {"job": {"bundle": "0" * 64, "entry": "a:b"}}}, "There is no bundle"),
        ({"name": "a/b"}, "/body/name"),
        ({"name": ".."}, "/body/name"),
        ({"overlap": "often"}, "/body/overlap"),
        ({"every": "day"}, "/body/every"),
    ],
)
def test_what_is_no_schedule_is_refused_in_words(ada: User, changes: dict[str, Any], words: str) -> None:
    answer = add(ada, **changes)
    assert 400 <= answer.status_code < 500, answer.text
    assert words in answer.json()["detail"]
    assert ada.http.get("/v1/schedules").json()["items"] == []


def test_an_output_that_is_kept_with_the_job_needs_no_date(ada: User) -> None:
    assert add(ada, request=NIGHTLY["request"] | {"output": None}).status_code == 201


def test_users_have_so_many(site: Site, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from fanfold_submit.schedules.schedules import Limits

    service = site.apps[0].app.state.service
    monkeypatch.setattr(type(service.schedules), "limits", Limits(2, 3600.0))
    assert "again after 1800 s" in add(ada, cron="0,30 * * * *").json()["detail"]
    for number in range(2):
        assert add(ada, name=f"n{number}").status_code == 201
    assert add(ada, name="n2").json()["type"].endswith("too-many-schedules")


def test_others_schedules_are_for_administrators(site: Site, ada: User) -> None:
    add(ada)
    bob, root, eve = site.user("bob"), site.user("root", "admin"), site.user("eve", "viewer")
    for way in ("", "/pause", "/resume", "/run"):
        method = "POST" if way else "GET"
        assert bob.http.request(method, f"/v1/schedules/nightly{way}").status_code == 404
        assert bob.http.request(method, f"/v1/schedules/nightly{way}?owner=ada").status_code == 403
    assert bob.http.delete("/v1/schedules/nightly?owner=ada").status_code == 403
    assert bob.http.get("/v1/schedules?all=true").status_code == 403
    assert add(eve).status_code == 403
    assert root.http.get("/v1/schedules/nightly?owner=ada").json()["owner"] == "ada"
    assert [found["owner"] for found in root.http.get("/v1/schedules?all=true").json()["items"]] == ["ada"]
    assert root.http.post("/v1/schedules/nightly/pause?owner=ada").json()["paused"] == "Paused by root."
    assert root.http.delete("/v1/owners/ada").json()["done"]
    assert ada.http.get("/v1/schedules").json()["items"] == []


def test_a_page_leads_to_the_next(ada: User) -> None:
    for number in range(5):
        add(ada, name=f"n{number}")
    names, cursor = list[str](), ""
    while cursor is not None:
        page = ada.http.get("/v1/schedules", params={"limit": 2, "cursor": cursor}).json()
        names, cursor = names + [found["name"] for found in page["items"]], page["cursor"]
    assert names == [f"n{number}" for number in range(5)]
    assert ada.http.get("/v1/schedules?cursor=x").status_code == 400


def test_an_issuer_without_delegations_is_told(open_site: Any) -> None:
    site = open_site()
    site.keys.delegates = False
    ada = site.user("ada")
    refused = add(ada)
    assert refused.status_code in (409, 503), refused.text


def test_what_a_schedule_needs_is_not_cleared(tmp_path: Path) -> None:
    with contextlib.closing(open_records(f"sqlite://{tmp_path}/records.db")) as records:
        world = Scheduling(tmp_path, records)
        one, other = "1" * 20, "2" * 20
        uploads = [f"files/ada/uploads/{name}/a.txt" for name in (one, other)]
        keys = [f"bundles/{'a' * 64}", f"bundles/{'b' * 64}", *uploads]
        for key in keys:
            world.objects.put(key, [b"a"])
            os.utime(tmp_path / "data" / key, (world.wall() - 9 * DAY,) * 2)
        job = {"bundle": "a" * 64, "entry": "a:b"}
        world.add(request={"job": job, "inputs": [f"files:uploads/{one}/", "files:texts/{date}/"]})
        places = Places(world.objects.url)
        clearing = Clearing(
            records, world.jobs, world.objects, Kept.for_days(7, 7), world.wall,
            lambda: named_by_schedules(world.records, places),
        )  # fmt: skip
        assert clearing.clear() == Cleared(jobs=0, bundles=1, uploads=1)
        assert [key for key in keys if any(stat.key == key for stat in world.objects.list(key))] == [keys[0], keys[2]]


def test_a_schedule_is_measured_in_bytes(ada: User) -> None:
    large = add(ada, request=NIGHTLY["request"] | {"inputs": [f"files:texts/{'é' * 460}{n}" for n in range(1000)]})
    assert large.status_code == 413 and "too large to be stored" in large.json()["detail"]
