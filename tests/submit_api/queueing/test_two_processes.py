"""Two replicas in processes of their own, over one etcd: limits hold, and when one is killed, no job is lost."""

import contextlib
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.records import scan_all
from fanfold_storage.urls import open_records
from fanfold_submit.queueing.entries import HELD, TOTALS, WAITING
from tests.servers import EtcdCluster
from tests.submit_api.conftest import KeyServer, Signer, User
from tests.waiting import poll

JOBS, WORKERS = 3, 4


class Replica:
    """A process, and where it serves."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.submit_api.queueing.replica", *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        lines = (json.loads(line) for line in self.process.stderr if line.startswith("{"))
        self.url = next(line["url"] for line in lines if line["event"] == "serving")
        self._rest = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._rest.wait()
        if self.process.stderr:
            self.process.stderr.close()


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_limits_hold_under_fifty_parallel_submissions(
    etcd_server: EtcdCluster, key_server: KeyServer, signer: Signer, tmp_path: Path
) -> None:
    crews = tmp_path / "crews"
    crews.mkdir()
    arguments = (etcd_server.url, f"file://{tmp_path}/data/", str(crews), key_server.url, str(JOBS), str(WORKERS))
    replicas = [Replica(*arguments) for _ in range(2)]
    users = [User(replica.url, signer.token("flood-ada")) for replica in replicas]
    users[0].put("texts/a.txt")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: users[number % 2].submit(key=f"{number}"), range(50)))
    jobs = {answer.json()["id"] for answer in answers}
    assert {answer.status_code for answer in answers} == {202} and len(jobs) == 50
    poll((crews / "log").exists)
    replicas[0].kill()
    for job in jobs:
        users[1].wait(job, seconds=200)
    with contextlib.closing(open_records(etcd_server.url)) as records:
        poll(lambda: not scan_all(records, HELD).records)
        assert not scan_all(records, WAITING).records
        totals = records.get(TOTALS)
        assert totals and totals.value["running"] == {} and totals.value["passed"] == {}
    for user in users:
        user.http.close()
    replicas[1].kill()
    refuse_excess([json.loads(line) for line in (crews / "log").read_text().splitlines()], jobs)


def refuse_excess(lines: list[dict[str, Any]], jobs: set[str]) -> None:
    """Fail if at any moment more jobs or workers were there than may be, or a job twice."""
    assert Counter(line["job"] for line in lines if line["workers"] > 0) == Counter(jobs)
    running = workers = 0
    for line in lines:
        running += 1 if line["workers"] > 0 else -1
        workers += line["workers"]
        assert running <= JOBS and workers <= WORKERS, line
