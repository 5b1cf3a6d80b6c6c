"""A thousand jobs of one user under `fanfold up`, and another's single small one: it doesn't wait for them."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fanfold_client.client import Client
from tests.client.services import PASSWORD, Up
from tests.waiting import poll

FLOOD = 1000
REQUEST = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "partitions": 1}


def test_a_single_job_among_a_thousand(tmp_path: Path) -> None:
    up = Up(tmp_path)
    try:
        admin = up.ready["user"]
        with Client.login(up.url, admin["name"], admin["password"]) as client:
            for name in ("ada", "bob"):
                client.users.add(name, PASSWORD, ["submitter"])
        with Client.login(up.url, "ada", PASSWORD) as ada, Client.login(up.url, "bob", PASSWORD) as bob:
            for user in (ada, bob):
                user.files.put("texts/a.txt", b"a b a\n")
            alone = min(seconds(bob) for _ in range(3))
            with ThreadPoolExecutor(8) as pool:
                jobs = list(pool.map(lambda _: ada.jobs.submit(REQUEST)["id"], range(FLOOD)))
            wait = ada.jobs.get(jobs[-1]).get("waiting")
            place = wait["place"] if wait else None
            under_flood = [seconds(bob) for _ in range(5)]
            waiting = sum(job["state"] == "queued" for job in ada.jobs.list(limit=FLOOD))
    finally:
        up.stop()
    print(f"\na small job takes {alone:.2f} s alone; while {waiting} of {FLOOD} jobs wait, the last at place {place}:")
    print(", ".join(f"{taken:.2f} s" for taken in under_flood))
    assert waiting > FLOOD / 2
    assert sorted(under_flood)[2] < 3 * alone + 1


def seconds(user: Client) -> float:
    """How long a small job takes, from its submission to its end."""
    begun = time.monotonic()
    job = user.jobs.submit(REQUEST)["id"]
    poll(lambda: user.jobs.get(job)["state"] == "succeeded", 120)
    return time.monotonic() - begun
