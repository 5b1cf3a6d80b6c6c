"""What people are told of a job that waits."""

from typing import Any, cast

import pytest

from fanfold_client.api.responses import Job
from fanfold_client.jobs.waiting import place_in_queue, why_it_waits
from tests.client.services import Person

QUEUED = {"reason": "workers", "message": "4 of 4 workers are busy, and the job needs 2.", "place": 3}
PENDING = {"reason": "quota", "message": "split: the namespace's quota has no room.", "place": None}


def job(wait: dict[str, Any] | None) -> Job:
    return cast(Job, {"waiting": wait})


def test_a_job_in_the_queue_has_a_place() -> None:
    assert why_it_waits(job(QUEUED)) == "number 3 in the queue: 4 of 4 workers are busy, and the job needs 2."
    assert place_in_queue(job(QUEUED)) == "number 3 in the queue"


def test_one_whose_pods_cant_start_has_none() -> None:
    assert why_it_waits(job(PENDING)) == "split: the namespace's quota has no room."
    assert place_in_queue(job(PENDING)) == ""


@pytest.mark.parametrize("ready", [cast(Job, {}), job(None)])
def test_one_that_runs_waits_for_nothing(ready: Job) -> None:
    assert (why_it_waits(ready), place_in_queue(ready)) == (None, "")


@pytest.mark.thorough
def test_only_administrators_prioritize(fanfold: Person) -> None:
    told = fanfold("priority", "0" * 20, "5", status=4).stderr
    assert "needs the role admin" in told
    assert "isn't in the range" in fanfold("priority", "0" * 20, "500", status=2).stderr.replace("is not", "isn't")
