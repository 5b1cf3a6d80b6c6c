"""Followers of jobs' events, beside what happened: every version of every job's record, as etcd itself tells."""

import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from fanfold_storage.records import Records
from fanfold_submit.jobs.job import State


class Truth(threading.Thread):
    """Every version of every job's record."""

    def __init__(self, records: Records) -> None:
        super().__init__(daemon=True)
        self.versions: dict[str, list[tuple[int, tuple[int, str]]]] = {}
        self.watch = records.watch("submit/jobs/", records.scan("submit/jobs/", limit=1).revision + 1)

    def run(self) -> None:
        for change in self.watch:
            assert change.value
            turn = change.value["runs"], change.value["state"]
            self.versions.setdefault(change.value["id"], []).append((change.revision, turn))

    def turns(self, job: str) -> list[tuple[int, str]]:
        """The job's runs and states, each once, in order."""
        return list(dict.fromkeys(turn for _, turn in self.versions[job]))


class Follower(threading.Thread):
    """Follows one job, at whichever replica answers, through all of its runs."""

    def __init__(self, urls: Callable[[], Sequence[str]], token: str, job: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.urls, self.token, self.job, self.chance = urls, token, job, random.Random(seed)
        self.seen: list[tuple[int, tuple[int, str]]] = []
        self.kinds: list[str] = []
        self.connections = 0
        self.failure = ""

    def run(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self.token}"}, timeout=20, trust_env=False) as http:
            while not self.failure and self.last not in ("succeeded", "cancelled"):
                try:
                    self.follow(http, self.chance.choice(self.urls()))
                except httpx.TransportError:
                    time.sleep(0.1)  # it was killed

    @property
    def last(self) -> str:
        return self.seen[-1][1][1] if self.seen else ""

    def follow(self, http: httpx.Client, url: str) -> None:
        headers = {"Last-Event-ID": str(self.seen[-1][0])} if self.seen else {}
        with http.stream("GET", f"{url}/v1/jobs/{self.job}/events", headers=headers) as answer:
            self.connections += 1
            if answer.status_code != 200:
                time.sleep(0.2)  # it is starting
                return
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                if "data" in fields:
                    self.take(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}
        if self.last == "failed":
            time.sleep(0.3)  # until it is retried

    def take(self, kind: str, number: str, data: Any) -> None:
        self.kinds.append(kind)
        if kind == "anew":
            self.failure = f"begun anew: {data}"
        if kind == "job":
            self.seen.append((int(number), (data["runs"], data["state"])))

    def check(self, truth: Truth) -> None:
        """Raise AssertionError if it missed something, or was told of something twice, backwards or wrongly."""
        ids = [number for number, _ in self.seen]
        assert ids == sorted(set(ids)), "each once, in order"
        assert not self.failure, self.failure
        assert set(self.seen) <= set(truth.versions[self.job]), "as it was stored"
        turns = list(dict.fromkeys(turn for _, turn in self.seen))
        every = truth.turns(self.job)
        assert turns == every[every.index(turns[0]) :], "no state was missed"
        ranks = [(run, State(state).rank) for run, state in turns]
        assert ranks == sorted(ranks), "nothing went backwards"
