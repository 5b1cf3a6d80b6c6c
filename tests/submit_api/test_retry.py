"""A job that failed or was cancelled goes on from what is committed, and only the rest is done."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from fanfold_submit.jobs import removal
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.submit_api.scripts import FILES, Script, counts, expected
from tests.waiting import poll

MAPS = {f"map {number}": 1 for number in range(FILES)}
REDUCES = {f"reduce {number}": 1 for number in range(FILES)}


@pytest.fixture
def ada(site: Site) -> User:
    return site.user("ada")


def retry(user: User, job: str, status: int = 202, **body: Any) -> dict[str, Any]:
    """Retry a job as soon as its workers have left."""

    def asked() -> httpx.Response | None:
        answer = user.http.post(f"/v1/jobs/{job}/retry", json=body)
        return None if "still stopping" in answer.text else answer

    answer = poll(asked)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("failing", ["map 2", "reduce 0"])
@pytest.mark.parametrize("output", [None, "files:counts/"])
def test_only_what_was_not_committed_is_done(ada: User, tmp_path: Path, failing: str, output: str | None) -> None:
    script = Script(tmp_path / "script", failing)
    job = script.submit(ada, output=output)
    failed = ada.wait(job, "failed")
    done = sum(step["done"] for stage in failed["stages"] for step in stage["steps"])
    before = script.log()
    script.open_gate()

    again = retry(ada, job)

    assert (again["id"], again["state"], again["runs"], again["resumed"]) == (job, "queued", 2, True)
    assert again["error"] is None and again["finished"] is None and again["retried"]
    assert sum(step["done"] for stage in again["stages"] for step in stage["steps"]) == done
    ended = ada.wait(job)
    assert ended["runs"] == 2
    assert counts(ada, job) == expected()
    assert script.log() == {**MAPS, **REDUCES, failing: 2}, before


@pytest.mark.thorough
def test_a_failure_of_the_next_run_ends_it_too(ada: User, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "map 2")
    job = script.submit(ada)
    ada.wait(job, "failed")
    retry(ada, job)
    failed = ada.wait(job, "failed")
    assert failed["runs"] == 2 and failed["error"]["traceback"].endswith("ValueError: map 2")
    script.open_gate()
    retry(ada, job)
    assert ada.wait(job)["runs"] == 3
    assert script.log() == {**MAPS, **REDUCES, "map 2": 3}


@pytest.mark.thorough
def test_other_code_goes_on_if_its_tasks_write_the_same(ada: User, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "reduce 0", more=', task_version="1"')
    job = script.submit(ada, output="files:counts/")
    ada.wait(job, "failed")
    script.write(more=', task_version="1"')
    again = retry(ada, job, code=script.code(ada))
    assert again["resumed"] is True
    ada.wait(job)
    assert counts(ada, job) == expected()
    assert script.log() == {**MAPS, **REDUCES, "reduce 0": 2}


@pytest.mark.thorough
@pytest.mark.parametrize("before, after", [("", ""), (', task_version="1"', ', task_version="2"')])
@pytest.mark.parametrize("output", [None, "files:counts/"])
def test_other_code_begins_anew_if_nobody_says_so(
    ada: User, tmp_path: Path, before: str, after: str, output: str | None
) -> None:
    script = Script(tmp_path / "script", "reduce 0", more=before)
    job = script.submit(ada, output=output)
    ada.wait(job, "failed")
    script.write(value=2, more=after)
    again = retry(ada, job, code=script.code(ada))
    assert (again["resumed"], again["stages"], again["counters"]) == (False, [], {})
    ada.wait(job)
    assert counts(ada, job) == expected(2)


@pytest.mark.thorough
def test_other_code_that_is_planned_in_another_way_says_so(ada: User, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "reduce 0", more=', task_version="1"')
    job = script.submit(ada)
    ada.wait(job, "failed")
    script.file.write_text(f"{script.file.read_text()}\njob = Job(map=words, task_version='1')\n")
    code = script.code(ada)
    assert retry(ada, job, code=code)["resumed"] is True
    failed = ada.wait(job, "failed")
    assert "the other code leads to other tasks than before" in failed["error"]["detail"]
    assert retry(ada, job, code=code, anew=True)["resumed"] is False
    ada.wait(job)
    assert len(ada.http.get(f"/v1/jobs/{job}/results").json()["parts"]) > FILES


def test_a_cancelled_job_goes_on(open_site: Any, tmp_path: Path) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada = site.user("ada")
    ada.put("texts/a.txt")
    job = ada.submit(output="files:counts/").json()["id"]
    poll(lambda: engine.crews.get(job))
    engine.work(job)
    poll(lambda: ada.job(job)["state"] == "running")
    assert ada.http.post(f"/v1/jobs/{job}/retry").status_code == 409
    ada.http.post(f"/v1/jobs/{job}/cancel")
    ada.wait(job, "cancelled")
    again = retry(ada, job, run=1)
    assert (again["state"], again["desired"], again["runs"]) == ("queued", "run", 2)
    assert retry(ada, job, 200, run=1)["runs"] == 2, "a repeated request changes nothing"
    poll(lambda: len(engine.started) == 2)
    engine.finish(job)
    engine.end(job)
    ada.wait(job)
    assert "succeeded" in retry(ada, job, 409)["detail"]
    assert retry(ada, job, 412, run=7)["type"].endswith("precondition-failed")


@pytest.mark.thorough
def test_what_another_job_has_swept_is_done_again(ada: User, site: Site, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "reduce 0")
    job = script.submit(ada, output="files:counts/")
    ada.wait(job, "failed")
    other = poll(lambda: ada.submit(output="files:counts/").json().get("id"))
    ada.wait(other)
    assert retry(ada, job, 409)["type"].endswith("output-exists")
    for file in ada.http.get("/v1/files?prefix=counts/").json()["items"]:
        ada.http.delete(f"/v1/files/{file['path']}")
    script.open_gate()
    retry(ada, job)
    ada.wait(job)
    assert counts(ada, job) == expected()
    assert {word: number for word, number in script.log().items() if word in MAPS} == MAPS


@pytest.mark.thorough
def test_changed_inputs_are_refused(ada: User, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "map 1")
    job = script.submit(ada)
    ada.wait(job, "failed")
    ada.put("texts/1.txt", b"something else\n")
    assert retry(ada, job, 409)["type"].endswith("input-changed")


@pytest.mark.thorough
def test_only_its_owner_and_admins_may_retry(ada: User, site: Site, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "map 1")
    job = script.submit(ada)
    ada.wait(job, "failed")
    assert site.user("eve").http.post(f"/v1/jobs/{job}/retry").status_code == 404
    assert site.user("ada", "viewer").http.post(f"/v1/jobs/{job}/retry").status_code == 403
    bodies: list[Any] = [{"run": 0}, {"run": True}, {"more": 1}, {"code": {}}, []]
    for body in bodies:
        assert ada.http.post(f"/v1/jobs/{job}/retry", json=body).status_code == 422, body
    unknown = {"code": {"bundle": "0" * 64, "entry": "a:job"}}
    assert "Upload it first" in retry(ada, job, 422, **unknown)["detail"]
    script.open_gate()
    assert retry(site.user("root", "admin"), job)["owner"] == "ada"
    ada.wait(job)


@pytest.mark.thorough
def test_a_removed_job_leaves_nothing_staged(ada: User, site: Site, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "reduce 0")
    jobs = [script.submit(ada, output=output) for output in (None, "files:counts/")]
    for job in jobs:
        ada.wait(job, "failed")
    retry(ada, jobs[0], anew=True)
    ada.wait(jobs[0], "failed")
    store = tmp_path / "data"
    assert [path for path in store.glob("**/.staged/*") if path.is_file()], "it may be retried"
    for job in jobs:
        poll(lambda job=job: ada.http.delete(f"/v1/jobs/{job}").status_code == 204)  # type: ignore[misc]
    assert [path for path in store.glob("**/.staged/*") if path.is_file()] == []


@pytest.mark.thorough
def test_a_job_whose_tree_is_being_removed_has_no_further_run(
    ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(tmp_path / "script", "reduce 0")
    job = script.submit(ada)
    ada.wait(job, "failed")
    answers: list[httpx.Response] = []

    def retried_meanwhile(*_: Any) -> None:
        answers.append(ada.http.post(f"/v1/jobs/{job}/retry", json={}))

    monkeypatch.setattr(removal, "_discard_staged", retried_meanwhile)
    poll(lambda: ada.http.delete(f"/v1/jobs/{job}").status_code == 204)
    assert [answer.status_code for answer in answers] == [409]
    assert "being removed" in answers[0].json()["detail"]
    assert ada.http.get(f"/v1/jobs/{job}").status_code == 404


@pytest.mark.thorough
def test_other_code_that_cant_be_planned_leaves_what_is_committed(ada: User, tmp_path: Path) -> None:
    script = Script(tmp_path / "script", "reduce 0", more=', task_version="1"')
    job = script.submit(ada, output="files:counts/")
    ada.wait(job, "failed")
    sound = script.code(ada)
    broken = {"spec": {**sound["spec"], "stages": [{**sound["spec"]["stages"][0], "map": {"function": "counting:f"}}]}}
    retry(ada, job, code=broken)
    assert "counting" in ada.wait(job, "failed")["error"]["detail"]
    script.open_gate()
    retry(ada, job, code=sound)
    ada.wait(job)
    assert counts(ada, job) == expected()
    assert script.log() == {**MAPS, **REDUCES, "reduce 0": 2}
