"""A thousand jobs of one user on a real Kubernetes, and another's single one: limits hold, and nobody waits for all."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fanfold_client.client import Client
from tests.argo.installation import Installation, eventually, kubectl

FLOOD, LIMIT = 1000, 2
REQUEST = {"job": {"builtin": "wordcount"}, "inputs": ["files:flood/"]}


@contextlib.contextmanager
def client(person: Installation) -> Iterator[Client]:
    """Their client, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CONFIG", "STATE", "DATA"):
            patch.setenv(f"XDG_{kind}_HOME", str(person.home / kind.lower()))
        found = Client()
    with found:
        yield found


@pytest.fixture
def limited(installation: Installation) -> Iterator[Installation]:
    """At most LIMIT jobs at a time."""
    installation.configure(f"FANFOLD_SUBMIT_JOBS={LIMIT}")
    yield installation
    installation.configure("FANFOLD_SUBMIT_JOBS-")


def unfinished(installation: Installation) -> int:
    """How many Workflows of jobs Argo hasn't completed."""
    selector = "fanfold.dev/job,workflows.argoproj.io/completed!=true"
    words = ("get", "workflows", "-n", installation.namespace, "-l", selector)
    return len(json.loads(kubectl(*words, "-o", "json"))["items"])


@pytest.mark.long
def test_a_single_job_isnt_held_up_by_a_thousand(limited: Installation, another: Installation) -> None:
    assert os.environ["FANFOLD_CLUSTER"]
    with client(limited) as ada, client(another) as bob:
        for user in (ada, bob):
            user.files.put("flood/a.txt", b"a b a\n")
        seconds = alone(bob)
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(lambda _: ada.jobs.submit(REQUEST)["id"], range(FLOOD)))
        most = max(unfinished(limited) for _ in range(10))
        wait = ada.jobs.get(jobs[-1]).get("waiting")
        assert wait and wait["reason"] == "jobs" and wait["place"] and wait["place"] > FLOOD // 2
        under_flood = alone(bob)
        most = max(most, unfinished(limited))
        print(f"\nalone a job takes {seconds:.1f} s, under a flood of {FLOOD} jobs {under_flood:.1f} s")
        assert 1 <= most <= LIMIT
        assert under_flood < 3 * seconds
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda job: quietly(ada, job), jobs))
        eventually(lambda: not list(ada.jobs.list(state="queued", limit=1)), "nothing waits", 300)


def alone(user: Client) -> float:
    """How many seconds a small job takes, from its submission to its end."""
    begun = time.monotonic()
    job = user.jobs.submit(REQUEST)["id"]
    eventually(lambda: user.jobs.get(job)["state"] == "succeeded", "the job succeeds", 120)
    return time.monotonic() - begun


def quietly(user: Client, job: str) -> None:
    """Cancel a job that may have ended."""
    with contextlib.suppress(Exception):
        user.jobs.cancel(job)
