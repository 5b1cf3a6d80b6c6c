"""Teams: a group's members see its jobs and share its files; nobody else does, nor anybody who has left it."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanfold.planning.areas import Area
from fanfold_storage.urls import open_objects
from fanfold_submit.jobs.places import Places
from fanfold_submit.principal import Principal
from fanfold_submit.storing.accounts import ACCOUNTS
from fanfold_submit.storing.recount import Recount
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll
from tests.workflows.engines.test_workflow import FAN_OUT, plan_of

COUNT = {"job": {"builtin": "wordcount"}, "inputs": ["files:@team/choir/texts/"], "team": "choir"}


def member(site: Site, name: str, *roles: str, teams: tuple[str, ...] = ("choir",), **claims: Any) -> User:
    given = list(roles) or ["submitter"]
    return site.bearer(site.keys.signers[0].token(name, given, groups=[*given, *teams], **claims))


@pytest.fixture
def ada(site: Site) -> User:
    return member(site, "ada")


@pytest.fixture
def bob(site: Site) -> User:
    return member(site, "bob")


@pytest.fixture
def eve(site: Site) -> User:
    """Somebody of another team."""
    return member(site, "eve", teams=("chess",))


def test_members_share_files(site: Site, ada: User, bob: User, eve: User) -> None:
    ada.put("@team/choir/texts/a.txt", b"la la\n")
    assert bob.http.get("/v1/files/@team/choir/texts/a.txt").content == b"la la\n"
    bob.put("@team/choir/texts/a.txt", b"la la land\n")
    for prefix in ("@team/choir/", "@team/choir", "@team/choir/te"):
        items = ada.http.get("/v1/files", params={"prefix": prefix}).json()["items"]
        assert [item["path"] for item in items] == ["@team/choir/texts/a.txt"]
    level = ada.http.get("/v1/files", params={"prefix": "@team/choir/", "delimiter": "/"}).json()["items"]
    assert [item["path"] for item in level] == ["@team/choir/texts/"]
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert eve.http.request(method, "/v1/files/@team/choir/texts/a.txt").status_code == 403
    assert eve.http.get("/v1/files", params={"prefix": "@team/choir/"}).status_code == 403
    assert bob.http.delete("/v1/files/@team/choir/texts/a.txt").status_code == 204


def test_viewers_read_only(site: Site, ada: User) -> None:
    vera = member(site, "vera", "viewer")
    ada.put("@team/choir/a.txt")
    assert vera.http.get("/v1/files/@team/choir/a.txt").status_code == 200
    for method in ("PUT", "DELETE"):
        assert vera.http.request(method, "/v1/files/@team/choir/a.txt").status_code == 403


def test_administrators_keep_order_in_all_of_them(site: Site, ada: User) -> None:
    root = site.user("root", "admin")
    ada.put("@team/choir/a.txt")
    assert root.http.get("/v1/files/@team/choir/a.txt").status_code == 200
    assert root.http.delete("/v1/files/@team/choir/a.txt").status_code == 204


@pytest.mark.parametrize(
    "path",
    ["@team", "@team/", "@team/choir", "@team/Choir/a", "@team//a", "@team/../ada/a", "@team/choir/../x", "@teams/a"],
)
def test_paths_that_are_none(site: Site, ada: User, path: str) -> None:
    answer = ada.http.put("/v1/files/" + path.replace("/..", "/%2e%2e"), content=b"x")
    assert answer.status_code in {400, 404}, answer.text


def test_nobody_is_in_a_group_because_a_role_is_named_so(site: Site) -> None:
    bob = site.user("bob", "submitter")
    assert bob.http.get("/v1/me").json()["groups"] == []
    assert bob.http.put("/v1/files/@team/submitter/a", content=b"x").status_code == 403
    assert bob.submit({**COUNT, "inputs": ["files:texts/"], "team": "submitter"}).status_code == 403


def test_a_job_of_a_team_reads_and_writes_its_files(site: Site, ada: User, bob: User, eve: User) -> None:
    ada.put("@team/choir/texts/a.txt", b"la la la\n")
    job = ada.submit({**COUNT, "output": "files:@team/choir/counts/"}).json()
    assert job["team"] == "choir" and job["owner"] == "ada"
    bob.wait(job["id"])
    part = bob.http.get("/v1/files", params={"prefix": "@team/choir/counts/part"}).json()["items"][0]["path"]
    assert bob.http.get(f"/v1/files/{part}").content == b"la\t3\n"
    for path in ("", "/counters", "/results", "/results/data", "/results/preview", "/tasks", "/logs", "/events"):
        assert bob.http.get(f"/v1/jobs/{job['id']}{path}").status_code == 200, path
        assert eve.http.get(f"/v1/jobs/{job['id']}{path}").status_code == 404, path


def test_the_list_of_a_team(site: Site, ada: User, bob: User, eve: User) -> None:
    for user in (ada, bob, eve):
        user.put("texts/a.txt")
    own = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
    ids = [
        user.submit({**own, "team": "choir", "name": f"n{i}"}).json()["id"] for i, user in enumerate((ada, bob, ada))
    ]
    private = ada.submit(own).json()["id"]

    def listed(user: User, **filters: Any) -> list[str]:
        return [job["id"] for job in user.http.get("/v1/jobs", params=filters).json()["items"]]

    assert listed(bob, team="choir") == listed(ada, team="choir") == ids[::-1]
    assert listed(bob) == [ids[1]]
    assert listed(ada, team="choir", owner="ada") == [ids[2], ids[0]]
    assert listed(bob, team="choir", owner="ada") == [ids[2], ids[0]]
    assert listed(bob, team="choir", name="n1") == [ids[1]]
    assert listed(site.user("root", "admin"), team="choir") == ids[::-1]
    assert private not in listed(bob, team="choir")
    assert eve.http.get("/v1/jobs", params={"team": "choir"}).status_code == 403
    assert bob.http.get("/v1/jobs", params={"team": "choir", "sort": "duration"}).status_code == 400
    page = bob.http.get("/v1/jobs", params={"team": "choir", "limit": 2, "count": "true"}).json()
    assert page["more"] == 1
    rest = bob.http.get("/v1/jobs", params={"team": "choir", "cursor": page["cursor"]}).json()
    assert [job["id"] for job in page["items"] + rest["items"]] == ids[::-1]


def test_members_who_submit_cancel_and_retry_and_the_rest_is_the_owners(
    open_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = open_site(ScriptedEngine())
    ada, bob, vera = member(site, "ada"), member(site, "bob"), member(site, "vera", "viewer")
    ada.put("@team/choir/texts/a.txt")
    job = ada.submit(COUNT).json()["id"]
    path = f"/v1/jobs/{job}"
    assert vera.http.post(f"{path}/cancel").status_code == 403
    assert bob.http.post(f"{path}/cancel").status_code == 202
    assert bob.wait(job, "cancelled")["desired"] == "cancel"
    poll(
        lambda: (
            site.apps[0].app.state.service.jobs.is_queued(site.apps[0].app.state.service.jobs.find(job).job) is False
        )
    )
    assert bob.http.delete(path).status_code == 403
    assert vera.http.post(f"{path}/retry").status_code == 403
    other = bob.http.post(f"{path}/retry", json={"code": {"builtin": "sort"}})
    assert other.status_code == 403 and "other code" in other.json()["detail"]
    gone = member(site, "ada", teams=())
    refused = gone.http.post(f"{path}/retry")
    assert refused.status_code == 403 and "isn't in it any more" in refused.json()["detail"]
    assert gone.http.get(path).status_code == 200, "one's own job stays one's own"
    assert bob.http.post(f"{path}/retry").status_code == 202
    assert bob.http.post(f"{path}/priority", json={"priority": 5}).status_code == 403


def test_who_left_sees_nothing_as_soon_as_their_token_has_ended(site: Site, ada: User) -> None:
    ada.put("@team/choir/texts/a.txt")
    job = ada.submit(COUNT).json()["id"]
    bob = member(site, "bob", stamp="old")
    assert bob.http.get(f"/v1/jobs/{job}").status_code == 200
    site.keys.ended.append("old")
    keys = site.apps[0].app.state.service.tokens.keys
    keys._fetched -= 41  # as if so much time had passed
    assert bob.http.get(f"/v1/jobs/{job}").status_code == 401
    assert member(site, "bob", teams=()).http.get(f"/v1/jobs/{job}").status_code == 404


def test_a_script_makes_no_secret_that_outlasts_its_token(site: Site) -> None:
    refused = member(site, "bob", via="token-1").http.post("/v1/webhooks/secret")
    assert refused.status_code == 403 and "log in" in refused.json()["detail"]
    assert member(site, "bob").http.get("/v1/webhooks").json()["secret_created"] is None
    assert member(site, "bob").http.post("/v1/webhooks/secret").status_code == 201


def test_what_an_api_token_was_exchanged_for_ends_with_it(site: Site) -> None:
    bob = member(site, "bob", via="token-1")
    assert bob.http.get("/v1/me").json()["groups"] == ["choir"]
    site.keys.ended.append("token-1")
    site.apps[0].app.state.service.tokens.keys._fetched -= 41
    refused = bob.http.get("/v1/me")
    assert refused.status_code == 401 and "API token" in refused.json()["detail"]
    assert member(site, "bob").http.get("/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"team": None}, 422, "--team choir"),
        ({"team": "chess"}, 403, "not in the group 'chess'"),
        ({"team": "choir", "inputs": ["files:@team/chess/x/"]}, 403, "for its members"),
        ({"team": "choir", "output": "files:@team/chess/x/"}, 403, "for its members"),
        ({"team": None, "inputs": ["files:texts/"], "output": "files:@team/choir/x/"}, 422, "--team choir"),
        ({"team": "Choir"}, 422, "team"),
        ({"team": "../x"}, 422, "team"),
    ],
)
def test_a_job_reaches_files_of_its_own_team_alone(
    site: Site, ada: User, change: dict[str, Any], status: int, words: str
) -> None:
    ada.put("texts/a.txt")
    ada.put("@team/choir/texts/a.txt")
    body = {name: value for name, value in {**COUNT, **change}.items() if value is not None}
    refused = ada.submit(body)
    assert (refused.status_code, words in refused.text) == (status, True), refused.text
    assert ada.http.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("root", ["file:///data/", "s3://fanfold/"])
def test_pods_mount_the_teams_files_if_the_job_is_the_teams(root: str) -> None:
    plan = plan_of(FAN_OUT, root.rstrip("/"))
    at = "%40team" if root.startswith("file") else "@team"
    theirs = Area(f"{root}files/{at}/choir/", is_writable=True)
    assert theirs in Places(root).confined(plan, "ada", "choir").areas  # type: ignore[operator]
    assert not [area for area in Places(root).areas(plan, "ada") if "team" in area.url]
    inside = replace(plan, conf=replace(plan.conf, output=f"{root}files/{at}/choir/counts/"))
    assert Places(root).areas(inside, "ada", "choir").count(theirs) == 1


def test_a_teams_files_are_counted_for_the_team(open_site: Callable[..., Site], tmp_path: Path) -> None:
    site = open_site(kept_bytes_each=100, kept_bytes_groups={"chess": 50})
    ada, eve = member(site, "ada"), member(site, "eve", teams=("chess", "choir"))
    ada.put("@team/choir/a", b"x" * 90)
    ada.put("a", b"x" * 90)
    refused = eve.http.put("/v1/files/@team/choir/b", content=b"x" * 20)
    assert refused.status_code == 413 and "@team/choir/" in refused.json()["detail"]
    eve.put("@team/chess/a", b"x" * 40)
    site.apps[0].app.state.service.stored._due = 0.0
    refused = eve.http.put("/v1/files/@team/chess/b", content=b"x" * 20)
    assert refused.status_code == 413 and "group chess" in refused.json()["detail"]
    assert ada.http.delete("/v1/files/@team/choir/a").status_code == 204
    eve.put("@team/choir/b", b"x" * 20)


def test_what_a_job_writes_for_a_team_is_counted_there(site: Site, ada: User, tmp_path: Path) -> None:
    ada.put("@team/choir/texts/a.txt", b"la la la\n")
    objects = open_objects(f"file://{tmp_path}/data/")
    recount = Recount(site.records, site.objects, site.apps[0].app.state.service.stored, time.time)

    def counted() -> bool:
        recount.count_stale()
        record = site.records.get(f"{ACCOUNTS}@team/choir")
        total = sum(stat.size for stat in objects.list("files/@team/choir/"))
        return record is not None and not record.value["is_stale"] and record.value["files"] == total

    poll(counted, 20)
    ada.wait(ada.submit({**COUNT, "output": "files:@team/choir/counts/"}).json()["id"])
    poll(counted, 20)


def test_schedules_submit_for_a_team_only_while_their_owner_is_in_it() -> None:
    """The delegation yields the groups of the moment; admission then asks as for a request."""
    from fanfold_submit.jobs.admission import _check_team
    from fanfold_submit.jobs.request import JobRequest
    from fanfold_web.refusals import Forbidden

    request = JobRequest.model_validate(COUNT)
    _check_team(request, Principal("ada", "ada", ("submitter",), ("submitter", "choir")))
    with pytest.raises(Forbidden):
        _check_team(request, Principal("ada", "ada", ("submitter",), ("submitter",)))


def test_a_team_is_part_of_what_a_key_stands_for(site: Site, ada: User) -> None:
    ada.put("texts/a.txt")
    body = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
    key = f"k-{time.time_ns()}"
    assert ada.submit(body, key).status_code == 202
    assert ada.submit({**body, "team": "choir"}, key).status_code == 422
