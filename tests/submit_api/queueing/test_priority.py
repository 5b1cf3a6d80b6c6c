"""Administrators change the order in which one owner's jobs start; nobody else does."""

from collections.abc import Callable

import pytest

from tests.submit_api.conftest import Site
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll


def test_a_job_of_a_higher_priority_starts_first(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine, jobs=1)
    ada, root = site.user("ada"), site.user("root", "admin")
    ada.put("texts/a.txt")
    first, second, third = (ada.submit().json()["id"] for _ in range(3))
    poll(lambda: ada.job(first)["state"] == "dispatched")
    assert [ada.job(job)["waiting"]["place"] for job in (second, third)] == [1, 2]
    answer = root.http.post(f"/v1/jobs/{third}/priority", json={"priority": 5})
    assert answer.status_code == 200 and answer.json()["priority"] == 5 and answer.json()["waiting"]["place"] == 1
    assert [ada.job(job)["waiting"]["place"] for job in (second, third)] == [2, 1]
    again = root.http.post(f"/v1/jobs/{third}/priority", json={"priority": 5})
    assert again.status_code == 200, "asking again changes nothing"
    engine.finish(first)
    engine.end(first)
    poll(lambda: ada.job(third)["state"] == "dispatched")
    assert engine.started == [first, third]
    late = root.http.post(f"/v1/jobs/{third}/priority", json={"priority": 7})
    assert late.status_code == 409 and late.json()["detail"] == (
        f"Job {third} is dispatched and waits for no workers, so a priority has no effect."
    )


@pytest.mark.thorough
def test_only_administrators_give_priorities(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), jobs=1)
    ada, root = site.user("ada"), site.user("root", "admin")
    for user in (ada, root):
        user.put("texts/a.txt")
    ada.submit()
    job = ada.submit().json()["id"]
    assert ada.http.post(f"/v1/jobs/{job}/priority", json={"priority": 1}).status_code == 403
    refused = ada.submit(priority=1)
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("A priority other than 0 needs the role admin; 'ada' has: submitter.")
    assert ada.submit(priority=0).status_code == 202
    assert root.submit(priority=-3).json()["priority"] == -3
    for wrong in (101, -101, 1.5, "1", True, None):
        assert root.http.post(f"/v1/jobs/{job}/priority", json={"priority": wrong}).status_code == 422, wrong
    assert root.http.post(f"/v1/jobs/{'0' * 20}/priority", json={"priority": 1}).status_code == 404
