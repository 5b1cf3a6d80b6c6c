"""Followers of jobs at two replicas, one of which is killed every ten seconds: no gap, no repeat, nothing backwards.

Jobs go through their states, fail and are retried meanwhile. What happened is told by etcd itself: every change of the
jobs' records, which a watch of the test's own has seen.
"""

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import TREE_VERSION
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.jobs.job import State
from tests.servers import EtcdCluster, Server, free_ports
from tests.storms.followers import Follower, Truth
from tests.submit_api.conftest import KeyServer, Signer
from tests.waiting import poll

JOBS, FOLLOWERS, KILLS, EVERY, PATIENCE, SEED = 12, 36, 5, 10.0, 300.0, 7
MAPS = 40


class Workers(threading.Thread):
    """What works at all jobs: commits a task now and then; some jobs fail once, and go on when they are retried."""

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self.store, self.ended = store, threading.Event()
        self.pace = 0.05

    def run(self) -> None:
        while not self.ended.is_set():
            for crew in sorted((self.store / "crews").glob("*")):
                if crew.read_text() != "ended":
                    self.work(crew, *crew.name.split("-"))
            time.sleep(self.pace)

    def work(self, crew: Path, job: str, run: str) -> None:
        tree = JobTree.open(f"file://{self.store}/jobs/{job}/")
        tree.create("plan.json", {"version": TREE_VERSION, "tasks": [{"map": MAPS, "reduce": 1}], "bytes": 10})
        done = len(list(tree.committed(0, "map")))
        if done < MAPS:
            if done == MAPS // 2 and run == "1" and int(job, 36) % 2:
                tree.create("failed.json", {"message": "half is enough", "kind": "mapper"})
                crew.write_text("ended")
                return
            tree.commit(Task(0, "map", done), Commit("a", records=5, bytes=7, read=9))
            return
        manifest: dict[str, Any] = {"job": job, "parts": [], "records": 0, "bytes": 0}
        tree.commit(Task(0, "reduce", 0), Commit("a", records=1, bytes=1))
        JobTree(open_objects(tree.conf().output)).create("_SUCCESS", manifest)
        tree.create("report.json", manifest)
        crew.write_text("ended")


class Replicas:
    """Two replicas, and somebody who kills one of them now and then."""

    def __init__(self, folder: Path, records: str, store: Path, jwks: str) -> None:
        self.ports = free_ports(2)
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        command = [sys.executable, "-m", "tests.storms.slow_replica"]
        self.servers = [
            Server([*command, str(port), records, str(store), jwks], folder / f"replica-{port}.log")
            for port in self.ports
        ]
        poll(lambda: all(map(self.is_ready, self.urls)), 60)

    def is_ready(self, url: str) -> bool:
        try:
            return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill_one(self, number: int) -> None:
        self.servers[number].kill()
        self.servers[number].start()


def submitted(url: str, token: str) -> Iterator[str]:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False) as http:
        http.put("/v1/files/texts/a.txt", content=b"a b a\n").raise_for_status()
        for _ in range(JOBS):
            body = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
            job: str = http.post("/v1/jobs", json=body).raise_for_status().json()["id"]
            yield job


def retry_what_failed(urls: list[str], token: str, jobs: list[str]) -> int:
    """Retry jobs that have failed, at whichever replica answers; how many jobs haven't succeeded yet."""
    left = 0
    for job in jobs:
        for url in urls:
            try:
                found = httpx.get(f"{url}/v1/jobs/{job}", headers=bearer(token), trust_env=False)
                if found.status_code != 200:
                    continue
                left += found.json()["state"] != State.SUCCEEDED
                if found.json()["state"] == State.FAILED:
                    body = {"run": found.json()["runs"]}
                    httpx.post(f"{url}/v1/jobs/{job}/retry", json=body, headers=bearer(token), trust_env=False)
                break
            except httpx.TransportError:
                continue
        else:
            left += 1
    return left


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_replica_is_killed_every_ten_seconds_under_followers(etcd_server: EtcdCluster, tmp_path: Path) -> None:
    chance, signer, store = random.Random(SEED), Signer("key-1"), tmp_path / "store"
    store.mkdir()
    keys, token = KeyServer(signer), signer.token("ada")
    with closing(open_records(etcd_server.url)) as records:
        truth = Truth(records)
        truth.start()
        replicas = Replicas(tmp_path, etcd_server.url, store, keys.url)
        workers = Workers(store)
        workers.pace = KILLS * EVERY / MAPS / 2
        try:
            jobs = list(submitted(replicas.urls[0], token))
            followers = [Follower(lambda: replicas.urls, token, jobs[n % JOBS], n) for n in range(FOLLOWERS)]
            for thread in (workers, *followers):
                thread.start()
            begun, kills, left = time.monotonic(), 0, JOBS
            while left or kills < KILLS:
                if kills < KILLS and time.monotonic() > begun + (kills + 1) * EVERY:
                    replicas.kill_one(chance.randrange(2))
                    kills += 1
                left = retry_what_failed(replicas.urls, token, jobs)
                assert time.monotonic() < begun + PATIENCE, f"{left} jobs haven't ended"
                time.sleep(0.5)  # the storm's own rhythm
            seconds = time.monotonic() - begun
            for follower in followers:
                follower.join(60)
        finally:
            workers.ended.set()
            for server in replicas.servers:
                server.kill()
            keys.close()
        poll(lambda: all(truth.versions[job][-1][1][1] == "succeeded" for job in jobs))
        truth.watch.close()
    connections = sum(follower.connections for follower in followers)
    told = sum(len(follower.seen) for follower in followers)
    retried = sum(truth.turns(job)[-1][0] > 1 for job in jobs)
    print(f"\nkilled {kills} times in {seconds:.0f} s, seed {SEED}: {FOLLOWERS} followers of {JOBS} jobs came")
    print(f"{connections} times and were told of {told} events; {retried} jobs failed and were retried")
    assert connections > FOLLOWERS, "some came again"
    for follower in followers:
        follower.check(truth)
