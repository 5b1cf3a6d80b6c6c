"""What it costs to watch a job of 10,000 tasks over HTTP: pages of its tasks, its status, what bounds it, its events.

The bench plays the job's workers: it writes the plan, and commits the tasks as fast as the disk takes them, which is
faster than any workers that have something to do.
"""

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

from bench.harness.load import milliseconds, repeat
from bench.harness.ways import scratch
from bench.services.running import Up, services
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import TREE_VERSION
from fanfold_storage.urls import open_objects

TASKS = 10_000
ASKED = 200  # times, of each question
ROUND = 10
PAGE = 100  # tasks
JOB = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/a.txt"]}
QUESTIONS: Mapping[str, str] = {
    "its status": "",
    f"its {PAGE} slowest tasks": f"/tasks?limit={PAGE}",
    f"its first {PAGE} tasks": f"/tasks?limit={PAGE}&sort=index",
    f"{PAGE} tasks that wait": f"/tasks?limit={PAGE}&state=waiting",
    "what bounds it": "/explain",
}
Took = dict[str, list[float]]
Figures = dict[str, Any]


def measure(scale: float) -> Figures:
    """Milliseconds of each question while tasks are committed, and once the job has ended; and the events meanwhile."""
    tasks = max(PAGE, round(TASKS * scale))
    with scratch() as folder, services(folder) as up:
        up.upload("texts/a.txt", b"to be or not to be\n" * 50)
        up.idle()
        job_id = up.ask("POST", "/v1/jobs", JOB, 202)["id"]
        follower, workers = Follower(up, job_id), Workers(JobTree.open(up.job_url(job_id)), tasks)
        running: Took = {}
        while workers.is_alive():  # all questions in turn, whatever has been committed by then
            _ask(up, job_id, running, ROUND)
        workers.finish(job_id)
        follower.join()
        ended: Took = {}
        _ask(up, job_id, ended, ASKED)
        held = up.megabytes
    return {
        "tasks": tasks,
        "seconds": round(workers.seconds, 1),
        "pages": {"running": _milliseconds(running), "ended": _milliseconds(ended)},
        "events": follower.figures(),
        "memory_mb": held,
    }


def _ask(up: Up, job_id: str, took: Took, times: int) -> None:
    for what, path in QUESTIONS.items():
        request = up.request("GET", f"/v1/jobs/{job_id}{path}")
        took.setdefault(what, []).extend(repeat(up.port, request, count=times, connections=1))


def _milliseconds(took: Took) -> Figures:
    found: Figures = {}
    for what, seconds in took.items():
        found[what] = milliseconds(seconds) | {"count": len(seconds)}
        print(f"  {what}: {found[what]}", file=sys.stderr)
    return found


class Workers(threading.Thread):
    """Plans the job, and commits its map tasks."""

    def __init__(self, tree: JobTree, tasks: int) -> None:
        super().__init__(daemon=True)
        self._tree, self._tasks = tree, tasks
        self.seconds = 0.0
        self.start()

    def run(self) -> None:
        """As fast as can be."""
        began = time.monotonic()
        plan = {"version": TREE_VERSION, "tasks": [{"map": self._tasks, "reduce": 1}], "bytes": self._tasks}
        self._tree.create("plan.json", plan)
        for index in range(self._tasks):
            worker = f"map-{index % 8}"
            commit = Commit(f"{index}", records=index, bytes=index, read=1, seconds=index % 97 / 10, worker=worker)
            self._tree.commit(Task(0, "map", index), commit)
        self.seconds = time.monotonic() - began

    def finish(self, job_id: str) -> None:
        """Commit the reduce task, and report that the job has succeeded."""
        report: dict[str, Any] = {"job": job_id, "parts": [], "records": 0, "bytes": 0}
        self._tree.commit(Task(0, "reduce", 0), Commit("a", records=1, bytes=1))
        JobTree(open_objects(self._tree.conf().output)).create("_SUCCESS", report)
        self._tree.create("report.json", report)


class Follower(threading.Thread):
    """Reads the job's events to their end, and notes when each came."""

    def __init__(self, up: Up, job_id: str) -> None:
        super().__init__(daemon=True)
        self._port, self._request = up.port, up.request("GET", f"/v1/jobs/{job_id}/events")
        self._came: list[float] = []
        self._bytes = 0
        self.start()

    def run(self) -> None:
        """Until the stream ends."""
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("GET", self._request.path, headers=dict(self._request.headers))
            for line in connection.getresponse():
                self._bytes += len(line)
                if line.startswith(b"event: job"):
                    self._came.append(time.monotonic())

    def figures(self) -> Figures:
        """How many events there were, the most within a second, and their mean size in bytes."""
        within = [sum(moment <= later < moment + 1 for later in self._came) for moment in self._came]
        return {"count": len(self._came), "most_a_second": max(within), "bytes": round(self._bytes / len(self._came))}
