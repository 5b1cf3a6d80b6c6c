"""`/v1/jobs/{id}/logs`: by task, followed to the job's end, from a position on, and only for those who see the job."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from fanfold_steps.logs.line import LogLine, Mark
from fanfold_steps.tree.job_tree import JobTree
from fanfold_submit import service as service_module
from fanfold_submit.jobs.job import Job
from fanfold_submit.watching import logs as watching
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll


class Written:
    """The log of a job, as its workers write it."""

    def __init__(self, site: Site, job_id: str, folder: str = "") -> None:
        self.tree = JobTree.open(f"{site.store_url}jobs/{job_id}/{folder}")
        self._lines: dict[str, list[LogLine]] = {}
        self._time = 1000.0

    def __call__(self, text: str, worker: str = "map-0", task: str = "0/map/0", mark: Mark = Mark.PRINTED) -> None:
        self._time += 1
        lines = self._lines.setdefault(worker, [])
        lines.append(LogLine(self._time, worker, task, mark, text))
        data = "".join(f"{line}\n" for line in lines).encode()
        self.tree.objects.put(f"logs/{worker}/{1:020d}-00000.txt", [data])


@pytest.fixture
def job_id(ada: User, scripted: ScriptedEngine) -> str:
    found: str = ada.submit().json()["id"]
    poll(lambda: found in scripted.crews)
    return found


@pytest.fixture
def write(site: Site, job_id: str) -> Written:
    return Written(site, job_id)


def logs(user: User, job_id: str, **query: Any) -> httpx.Response:
    return user.http.get(f"/v1/jobs/{job_id}/logs", params=query)


@contextmanager
def following(user: User, job_id: str, **query: Any) -> Iterator[list[str]]:
    """The lines that come while the context is open."""
    came: list[str] = []
    with user.http.stream("GET", f"/v1/jobs/{job_id}/logs", params={"follow": True} | query) as response:
        assert response.status_code == 200
        reading = threading.Thread(target=lambda: came.extend(_each(response, came)), daemon=True)
        reading.start()
        yield came
        reading.join(20)
        assert not reading.is_alive(), "it ends with the job"


def _each(response: httpx.Response, came: list[str]) -> Iterator[str]:
    for line in response.iter_lines():
        came.append(line)
    yield from ()


def test_a_log_is_text_or_json_lines_and_of_one_task(ada: User, job_id: str, write: Written) -> None:
    write("hello")
    write("claimed", worker="map-1", task="0/map/1", mark=Mark.OWN)
    write("half way", mark=Mark.PROGRESS)
    write("between", task="-")
    answer = logs(ada, job_id)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.splitlines()[:2] == [
        "1970-01-01T00:16:41.000Z map-0 0/map/0 | hello",
        "1970-01-01T00:16:42.000Z map-1 0/map/1 * claimed",
    ]
    *lines, end = map(json.loads, logs(ada, job_id, format="jsonl").text.splitlines())
    assert lines[2] == {
        "time": "1970-01-01T00:16:43.000Z", "worker": "map-0", "task": "0/map/0", "by": "progress", "text": "half way"
    }  # fmt: skip
    described = ada.http.get("/openapi.json").json()["paths"]["/v1/jobs/{job_id}/logs"]["get"]["responses"]["200"]
    assert set(described["content"]["application/x-ndjson"]["schema"]["properties"]) == set(lines[2])
    assert lines[3]["task"] is None
    assert end["end"] is True
    assert [line.split()[-1] for line in logs(ada, job_id, task="map/1").text.splitlines()] == ["claimed"]
    assert len(logs(ada, job_id, task="0/map").text.splitlines()) == 3
    assert logs(ada, job_id, task="reduce").text == ""


def test_it_goes_on_from_a_position(ada: User, job_id: str, write: Written) -> None:
    write("one")
    position = json.loads(logs(ada, job_id, format="jsonl").text.splitlines()[-1])["position"]
    write("two")
    write("three", worker="map-1")
    assert [line.split()[-1] for line in logs(ada, job_id, position=position).text.splitlines()] == ["two", "three"]


@pytest.mark.thorough
@pytest.mark.parametrize("query", [{"task": "map12"}, {"task": "x" * 5000}, {"position": "x"}, {"position": "é"}])
def test_what_is_no_task_or_position_is_refused(ada: User, job_id: str, query: dict[str, str]) -> None:
    answer = logs(ada, job_id, **query)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (400, "invalid-log-query")
    assert answer.json()["detail"].endswith(".")


@pytest.mark.thorough
def test_it_is_the_owners_and_admins(site: Site, ada: User, job_id: str, write: Written) -> None:
    write("secret")
    assert logs(site.user("bob"), job_id).status_code == 404
    assert logs(site.user("root", "admin"), job_id).status_code == 200
    assert logs(site.user("ada", "viewer"), job_id).status_code == 200
    assert logs(ada, "0" * 20).status_code == 404


@pytest.mark.thorough
def test_control_characters_and_the_stores_places_are_not_passed_on(
    site: Site, ada: User, job_id: str, write: Written
) -> None:
    write(f"\x1b[31mred in {site.store_url}files/ada/texts/a.txt\ttab")
    assert logs(ada, job_id).text.rstrip().endswith("\\x1b[31mred in files:texts/a.txt\ttab")


@pytest.mark.thorough
def test_it_is_followed_until_the_job_has_ended(
    ada: User, job_id: str, write: Written, scripted: ScriptedEngine
) -> None:
    write("early")
    with following(ada, job_id) as came:
        poll(lambda: any("early" in line for line in came))
        write("later")
        poll(lambda: any("later" in line for line in came))
        write("last")
        scripted.finish(job_id)
        scripted.end(job_id)
    assert [line.split()[-1] for line in came] == ["early", "later", "last"]


@pytest.mark.thorough
def test_a_follower_of_one_task_sees_no_other(
    ada: User, job_id: str, write: Written, scripted: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BATCH", 2)
    monkeypatch.setattr(watching, "MOST_SKIPPED", 3)
    for number in range(20):
        write(f"{number}", task=f"0/map/{number % 2}")
    scripted.finish(job_id)
    scripted.end(job_id)
    ada.wait(job_id)
    with following(ada, job_id, task="map/1") as came:
        pass
    assert [line.split()[-1] for line in came] == [str(number) for number in range(1, 20, 2)]
    assert len(logs(ada, job_id).text.splitlines()) == 20


@pytest.mark.thorough
def test_a_stream_ends_with_its_token(site: Site, job_id: str, write: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    write("early")
    with following(site.user("ada"), job_id, format="jsonl") as came:
        poll(lambda: any("early" in line for line in came))
        site.keys.ended = ["e-ada"]
        monkeypatch.setattr(site.apps[0].app.state.service.tokens.keys, "has_ended", lambda stamp: stamp == "e-ada")
    assert not any(json.loads(line).get("end") for line in came), "there may be more to come"


@pytest.mark.thorough
def test_a_user_has_so_many_streams_and_leaves_some_to_others(
    open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "STREAMS", 3)
    monkeypatch.setattr(service_module, "STREAMS_EACH", 2)
    engine = ScriptedEngine()
    site = open_site(engine)
    ada, bob = site.user("ada"), site.user("bob")
    ids = {}
    for user, name in ((ada, "ada"), (bob, "bob")):
        user.put("texts/a.txt")
        ids[name] = user.submit().json()["id"]
    poll(lambda: set(ids.values()) <= set(engine.crews))
    with following(ada, ids["ada"]), following(ada, ids["ada"]):
        refused = logs(ada, ids["ada"], follow=True)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (429, "too-many-streams")
        assert refused.headers["Retry-After"] == "15"
        with following(bob, ids["bob"]):
            assert "All users have 3 streams open" in logs(bob, ids["bob"], follow=True).json()["detail"]
            assert logs(ada, ids["ada"]).status_code == 200, "a log that isn't followed takes no stream"
            for job_id in ids.values():
                engine.finish(job_id)
                engine.end(job_id)
    poll(lambda: logs(ada, ids["ada"]).status_code == 200)


def test_whoever_leaves_gives_the_stream_back(open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "STREAMS_EACH", 1)
    engine = ScriptedEngine()
    ada = open_site(engine).user("ada")
    ada.put("texts/a.txt")
    job_id = ada.submit().json()["id"]
    for _ in range(3):
        with ada.http.stream("GET", f"/v1/jobs/{job_id}/logs", params={"follow": True}) as response:
            assert response.status_code == 200
        poll(lambda: logs(ada, job_id).status_code == 200)


def test_a_removed_job_has_none(ada: User, job_id: str, write: Written, scripted: ScriptedEngine) -> None:
    write("hello")
    scripted.finish(job_id)
    scripted.end(job_id)
    ada.wait(job_id)
    poll(lambda: ada.http.delete(f"/v1/jobs/{job_id}").status_code == 204)
    assert logs(ada, job_id).status_code == 404


def test_each_run_that_begins_anew_has_a_log_of_its_own(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id: str = ada.submit().json()["id"]
    for run, anew in ((1, False), (2, False), (3, True), (4, False), (5, True)):
        if run > 1:
            body = {"run": run - 1, "anew": anew}
            again = poll(lambda: (got := ada.http.post(f"/v1/jobs/{job_id}/retry", json=body)).is_success and got)  # noqa: B023
            assert again.json()["runs"] == run
        poll(lambda: len(scripted.started) == run)  # noqa: B023
        Written(site, job_id, {3: "run-3/", 4: "run-3/", 5: "run-5/"}.get(run, ""))(f"of run {run}", f"map-{run}")
        scripted.fail(job_id)
        scripted.end(job_id)
        ada.wait(job_id, "failed")
    assert ada.job(job_id)["anew"] == [3, 5]
    told = {run: [line.split("| ")[1] for line in logs(ada, job_id, run=run).text.splitlines()] for run in range(1, 6)}
    assert told == {
        1: ["of run 1", "of run 2"], 2: ["of run 1", "of run 2"], 3: ["of run 3", "of run 4"],
        4: ["of run 3", "of run 4"], 5: ["of run 5"],
    }  # fmt: skip
    assert "of run 5" in logs(ada, job_id).text
    refused = logs(ada, job_id, run=6)
    assert refused.status_code == 400 and f"Job {job_id} has had 5 runs, so there is no run 6." in refused.text


def test_the_log_of_an_earlier_run_that_is_followed_ends(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id: str = ada.submit().json()["id"]
    poll(lambda: scripted.started)
    Written(site, job_id)("before")
    scripted.fail(job_id)
    scripted.end(job_id)
    ada.wait(job_id, "failed")
    poll(lambda: ada.http.post(f"/v1/jobs/{job_id}/retry", json={"anew": True}).is_success)
    assert "before" in logs(ada, job_id, run=1, follow=True).text


def test_a_job_of_an_earlier_version_tells_where_its_last_run_began() -> None:
    fields = {"owner": "ada", "url": "file:///data/jobs/000m3k2v8q1x7f9a2b4c/run-3/"}
    assert Job._from_before(fields)["anew"] == [3]  # type: ignore[operator]
    assert "anew" not in Job._from_before({"owner": "ada", "url": "file:///data/jobs/x/"})  # type: ignore[operator]
