"""A job that failed or was cancelled goes on from what is committed, and only the rest is done."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.submit_api.conftest import Site, User
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


@pytest.mark.parametrize("failing", ["map 2", "reduce 1"])
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
