"""Two replicas over etcd, one killed every ten seconds under schedules and submissions: nothing is lost or doubled."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

import fanfold_auth.app
import fanfold_auth.settings
from fanfold_storage.records import Records, scan_all
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.jobs.job import State
from fanfold_submit.jobs.job_records import JOBS
from fanfold_submit.queueing.entries import QUEUE
from fanfold_web.server import listen
from tests.servers import EtcdCluster, etcd
from tests.storms.followers import Follower, Truth
from tests.waiting import poll
from tests.web.served import served_on

SECONDS, EVERY, RATE, CLIENTS, SCHEDULES, FOLLOWERS, SEED = 180.0, 10.0, 20, 4, 5, 12, 7
PASSWORD = "correct horse battery staple"


class ReplicaProcess:
    """A process that serves; killed, and started again on another port."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self.start()

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [sys.executable, "-m", "tests.storms.replica"]
        environ = {**os.environ, **self._environ}
        self._process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        self.url = ""
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        poll(lambda: self.url, 60)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr
        with process.stderr as lines:
            for line in lines:
                with suppress(ValueError):
                    event = json.loads(line)
                    if event["event"] == "serving":
                        self.url = event["url"]
                    elif event.get("exc_info") or event.get("exception"):
                        print(line, file=sys.stderr)

    def end(self, number: int) -> None:
        """Send a signal, and wait for the end."""
        self._process.send_signal(number)
        self._process.wait(60)


@pytest.fixture(scope="module")
def cluster() -> Iterator[EtcdCluster]:
    with etcd(members=1) as found:
        yield found


@contextmanager
def auth_service(folder: Path) -> Iterator[str]:
    """An auth service with a user, ada."""
    (folder / "kek").write_bytes(os.urandom(32))
    with closing(open_records(f"sqlite://{folder}/auth.db")) as records, listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = fanfold_auth.settings.Settings(issuer=url, kek_file=folder / "kek", token_seconds=7200)
        app = fanfold_auth.app.build_app(settings, records)
        app.state.service.users.create("ada", PASSWORD, ["submitter"])
        with served_on(app, listener):
            yield url


class Following(threading.Thread):
    """Follows the events of one job after the other, each as it has just been submitted, to its end."""

    def __init__(self, submissions: "Submissions", urls: Callable[[], list[str]], token: str, number: int) -> None:
        super().__init__(daemon=True)
        self.followed: list[Follower] = []
        self._submissions, self._urls, self._token, self._number = submissions, urls, token, number

    def run(self) -> None:
        while not self._submissions.are_over:
            if (job := self._submissions.latest) is None or any(job == one.job for one in self.followed):
                time.sleep(0.02)
                continue
            follower = Follower(self._urls, self._token, job, SEED + 1000 * self._number + len(self.followed))
            self.followed.append(follower)
            follower.run()


class Submissions:
    """Clients that submit so many jobs a second, each with a key, and ask again until they are answered."""

    def __init__(self, replicas: list[ReplicaProcess], token: str, end: float) -> None:
        self.jobs: dict[str, str] = {}
        self.latest: str | None = None
        self.doubled: list[str] = []
        self._replicas, self._token, self._end = replicas, token, end
        self.threads = [threading.Thread(target=self._submit, args=(number,)) for number in range(CLIENTS)]

    @property
    def are_over(self) -> bool:
        """Whether no more jobs are submitted."""
        return time.monotonic() > self._end

    def _submit(self, number: int) -> None:
        chance, count = random.Random(SEED + number), 0
        with httpx.Client(timeout=10, trust_env=False, headers={"Authorization": f"Bearer {self._token}"}) as http:
            while time.monotonic() < self._end:
                due = time.monotonic() + CLIENTS / RATE
                key = f"storm-{number}-{count}"
                count += 1
                first = self._until_answered(http, key, chance)
                if chance.random() < 0.05 and self._until_answered(http, key, chance) != first:
                    self.doubled.append(key)
                self.jobs[key] = self.latest = first
                time.sleep(max(0.0, due - time.monotonic()))  # the storm's own rhythm: nothing is waited for

    def _until_answered(self, http: httpx.Client, key: str, chance: random.Random) -> str:
        body = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "partitions": 1}
        while True:
            url = chance.choice(self._replicas).url
            with suppress(httpx.TransportError):
                answer = http.post(f"{url}/v1/jobs", json=body, headers={"Idempotency-Key": key})
                if answer.status_code in (200, 202):
                    job: str = answer.json()["id"]
                    return job
                assert answer.status_code >= 500 or answer.status_code == 429, answer.text
            time.sleep(0.05)


def test_one_of_two_replicas_is_killed_every_ten_seconds(tmp_path: Path, cluster: EtcdCluster) -> None:
    store = f"file://{tmp_path}/data/"
    with auth_service(tmp_path) as auth_url, closing(open_records(cluster.url)) as records:
        environ = {
            "FANFOLD_SUBMIT_ISSUER": auth_url, "FANFOLD_SUBMIT_JWKS_URL": f"{auth_url}/v1/keys",
            "FANFOLD_SUBMIT_AUTH_URL": auth_url, "FANFOLD_SUBMIT_RECORDS": cluster.url, "FANFOLD_SUBMIT_STORE": store,
            "FANFOLD_SUBMIT_ENGINE": "local", "FANFOLD_SUBMIT_RECONCILE_SECONDS": "5",
        }  # fmt: skip
        login = httpx.post(f"{auth_url}/v1/login", json={"name": "ada", "password": PASSWORD}, trust_env=False)
        token = login.raise_for_status().json()["access_token"]
        me = httpx.get(f"{auth_url}/v1/me", headers={"Authorization": f"Bearer {token}"}, trust_env=False).json()
        open_objects(store).put(f"files/{me['id']}/texts/a.txt", [b"a b a\n"])
        truth, replicas = Truth(records), [ReplicaProcess(environ) for _ in range(2)]
        truth.start()
        try:
            begun = time.time()
            add_schedules(replicas[0].url, token)
            submissions = Submissions(replicas, token, time.monotonic() + SECONDS)
            urls = partial(addresses, replicas)
            following = [Following(submissions, urls, token, number) for number in range(FOLLOWERS)]
            for thread in (*submissions.threads, *following):
                thread.start()
            kills = kill_in_turn(replicas, time.monotonic() + SECONDS)
            for thread in submissions.threads:
                thread.join(120)
            ended = time.time()
            poll(lambda: ticks_of(records) and not missing(ticks_of(records), begun, ended), 120)
            poll(lambda: not scan_all(records, QUEUE).records, 600)
            for thread in following:
                thread.join(60)
        finally:
            truth.watch.close()
            for replica in replicas:
                replica.end(signal.SIGTERM)
        jobs = {record.key.removeprefix(JOBS): record.value for record in scan_all(records, JOBS).records}
    states = Counter(job["state"] for job in jobs.values())
    print(f"\none of two replicas killed {kills} times in {SECONDS:.0f} s, seed {SEED}: {dict(states)}")
    ticks = {name: sorted(found) for name, found in by_schedule(jobs).items()}
    print(f"{len(submissions.jobs)} submissions; ticks: { {name: len(found) for name, found in ticks.items()} }")
    assert states == {"succeeded": len(jobs)} and submissions.doubled == []
    submitted = {job_id for job_id, job in jobs.items() if not job["schedule"]}
    assert submitted == set(submissions.jobs.values()), "none is lost, none is there twice"
    assert len(submitted) == len(submissions.jobs) >= SECONDS * RATE / 4
    for job in jobs:
        ranks = [State(state).rank for _, state in truth.turns(job)]
        assert ranks == sorted(set(ranks)), f"{job} went backwards, or ended twice: {truth.turns(job)}"
    followed = [follower for thread in following for follower in thread.followed]
    again = sum(follower.connections > 1 for follower in followed)
    told = sum(len(follower.seen) for follower in followed)
    print(f"{len(followed)} followers of jobs were told of {told} events; {again} of them had to come again")
    assert len(followed) > FOLLOWERS and again, "kills hit some"
    for follower in followed:
        follower.check(truth)
        assert follower.last == "succeeded"
    for name, found in ticks.items():
        assert len(set(found)) == len(found), f"{name} has a tick twice"
        assert all(later - earlier == 60 for earlier, later in pairwise(found)), f"{name} lacks a tick"


def addresses(replicas: list[ReplicaProcess]) -> list[str]:
    """The URLs of those that serve; a replica has another one each time that it starts."""
    return [url for url in (replica.url for replica in replicas) if url] or ["http://127.0.0.1:9"]


def add_schedules(url: str, token: str) -> None:
    """Schedules that are due every minute."""
    request = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "partitions": 1}
    when = {"cron": "* * * * *", "overlap": "allow", "catch_up": "all", "request": request}
    for number in range(SCHEDULES):
        headers = {"Authorization": f"Bearer {token}"}
        body = {"name": f"s{number}", **when}
        httpx.post(f"{url}/v1/schedules", json=body, headers=headers, timeout=60, trust_env=False).raise_for_status()


def kill_in_turn(replicas: list[ReplicaProcess], end: float) -> int:
    """Kill one of them every ten seconds, and start it again; return how often."""
    chance, kills = random.Random(SEED), 0
    while time.monotonic() + EVERY < end:
        time.sleep(EVERY * chance.uniform(0.9, 1.1))  # the storm's own rhythm: nothing is waited for
        replicas[kills % 2].end(signal.SIGKILL)
        replicas[kills % 2].start()
        kills += 1
    return kills


def by_schedule(jobs: dict[str, Any]) -> dict[str, list[float]]:
    """The ticks of all jobs, by their schedules."""
    found: dict[str, list[float]] = {}
    for job in jobs.values():
        if scheduled := job["schedule"]:
            moment = datetime.fromisoformat(scheduled["tick"]).timestamp()
            found.setdefault(scheduled["name"], []).append(moment)
    return found


def ticks_of(records: Records) -> dict[str, list[float]]:
    """The ticks that have jobs."""
    return by_schedule({record.key: record.value for record in scan_all(records, JOBS).records})


def missing(ticks: dict[str, list[float]], begun: float, ended: float) -> bool:
    """Whether a tick that was due between two moments has no job yet."""
    due = [minute * 60.0 for minute in range(int(begun // 60) + 2, int(ended // 60) + 1)]
    return any(tick not in found for found in ticks.values() for tick in due) or len(ticks) < SCHEDULES
