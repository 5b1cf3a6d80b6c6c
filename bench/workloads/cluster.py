"""On the test cluster: a small job from submission to its output, in one pod and in 4 map and 2 reduce pods.

Beside it, on the same node and in turn, map-reduce as one writes it for Argo by hand (`map-reduce.yaml`). Then what a
second wave of tasks costs in pods that are there, and a fan-out of 200 pods beside Argo's own (`fan-out.yaml`).
Run by `make bench` through `python -m tests.cluster run`.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.jobs.sleeping import SECONDS
from fanfold.builtin.wordcount import job as wordcount
from fanfold_client.client import Client

RUNS = 5
TEXT = "".join(f"line {n} of the text with some words {n % 97}\n" for n in range(4000))
JOBS = Path(__file__).parents[1] / "jobs"
BY_HAND = Path(__file__).with_name("map-reduce.yaml").read_text()
IMAGE = "lab.local/fanfold-steps:test"
WAVE, PODS = 4, 200
FANNED_OUT = {"workers": 4, "partitions": 2, "split_size": 16 << 10}


def small_jobs(_scale: float) -> dict[str, Any]:
    """Small jobs with their files on a volume, then in S3: seconds of each way, as JSON."""
    return {storage: _small_jobs_on(storage) for storage in ("pvc", "s3")}


def _small_jobs_on(storage: str) -> dict[str, Any]:
    with _installed(storage) as (client, namespace):
        client.files.put("text/text.txt", TEXT.encode())
        ways: dict[str, Callable[[], float]] = {
            "one_pod": lambda: _job(client, {}),
            "fanned_out": lambda: _job(client, FANNED_OUT),
        }
        if storage == "s3":
            ways["argo_by_hand"] = lambda: _by_hand(namespace, BY_HAND)
        return _in_turn(ways, namespace)


def many_pods(_scale: float) -> dict[str, Any]:
    """What tasks cost in pods that are there, and how fast pods come, as JSON."""
    with _installed("pvc") as (client, namespace):
        return {"wave": _wave(client, namespace), "pods": _pods(client, namespace)}


@contextmanager
def _installed(storage: str) -> Iterator[tuple[Client, str]]:
    """An installation: a client of its admin's, and its namespace."""
    told = json.loads(_fanfold("deploy", "--overlay", "test", "--storage", storage, "--json"))
    try:
        with Client.login(told["url"], told["admin"], told["password"]) as client:
            yield client, told["namespace"]
    finally:
        _fanfold("undeploy", "--overlay", "test", "--data", "--yes")


def _in_turn(ways: dict[str, Callable[[], float]], namespace: str) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(RUNS + 1):
        for name, way in ways.items():
            _idle(namespace)
            found = way()
            if number:
                seconds[name].append(round(found, 1))
    return {name: {"median": statistics.median(found), "runs": found} for name, found in seconds.items()}


def _idle(namespace: str) -> None:
    """Returns when no pod of a Workflow is left that runs: the last one's would share the cores with the next."""
    busy = ["-l", "workflows.argoproj.io/workflow", "--field-selector=status.phase!=Succeeded,status.phase!=Failed"]
    while _kubectl("get", "pods", "-n", namespace, *busy, "-o", "name"):
        time.sleep(0.5)


def _wave(client: Client, namespace: str) -> dict[str, float]:
    """Seconds that four more tasks add to a job of four pods, beyond those for which they are busy."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(RUNS):
        for waves, found in seconds.items():
            lines = "".join(f"{number:1023}\n" for number in range(waves * WAVE))
            _idle(namespace)
            found.append(_timed(client, "sleeping.py", lines, workers=WAVE))
    one, two = (statistics.median(found) for found in seconds.values())
    return {"tasks": WAVE, "busy": SECONDS, "beyond": round(two - one - SECONDS, 2)}


def _pods(client: Client, namespace: str) -> dict[str, float]:
    """Pods a second of a Workflow that fans out to 200: a job's that plans itself, and Argo's own.

    No service ends the job's Workflow as soon as its output is there, so every pod starts, looks for work and ends.
    """
    client.files.put("bench.txt", "".join(f"word{n % 7} of line {n:06}\n" for n in range(20_000)).encode())
    own = f"file:///data/files/{client.me()['id']}/"
    workflow = wordcount.workflow(
        f"{own}bench.txt",
        f"{own}counts/",
        workers=PODS,
        split_size=1 << 10,
        partitions=1,
        claim="fanfold-data",
        namespace=namespace,
        image=IMAGE,
    )
    ours = PODS / _by_hand(namespace, workflow.to_yaml())
    bare = PODS / _by_hand(namespace, Path(__file__).with_name("fan-out.yaml").read_text())
    return {"pods": PODS, "fanfold": round(ours, 2), "argo": round(bare, 2), "ratio": round(ours / bare, 2)}


def _timed(client: Client, job: str, text: str, workers: int) -> float:
    """Seconds from submitting a job of one file with splits of 1 KiB until it has succeeded; it is uploaded before."""
    client.files.put("bench.txt", text.encode())
    started = time.perf_counter()
    client.submit(
        str(JOBS / job), "files:bench.txt", workers=workers, split_size="1KiB", partitions=1, quiet=True
    ).wait()
    return time.perf_counter() - started


def _job(client: Client, sizing: dict[str, int]) -> float:
    """Seconds from sending the request until the job is told as succeeded and its output read."""
    started = time.perf_counter()
    job = client.jobs.submit({"job": {"builtin": "wordcount"}, "inputs": ["files:text/"], **sizing})
    while (found := client.jobs.get(job["id"]))["state"] not in ("succeeded", "failed", "cancelled"):
        time.sleep(0.05)
    assert found["state"] == "succeeded", found
    assert b"".join(client.jobs.read(job["id"])).count(b"\n") > 4000
    return time.perf_counter() - started


def _by_hand(namespace: str, text: str) -> float:
    """Seconds from creating the Workflow that a YAML text describes until Argo says that it succeeded."""
    started = time.perf_counter()
    name = _kubectl("create", "-n", namespace, "-f", "-", "-o", "name", stdin=text)
    _kubectl("wait", "-n", namespace, name, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=300s")
    return time.perf_counter() - started


def _kubectl(*words: str, stdin: str = "") -> str:
    done = subprocess.run(["kubectl", *words], check=True, input=stdin, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def _fanfold(*words: str) -> str:
    command = [sys.executable, "-m", "fanfold_client", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
