"""The worker: one loop, the same in a process of the local engine and in a pod, that does whatever task is ready.

There is no master. A worker of any step helps with what its step waits for, so no order of starting and no loss of
workers can lock a job up; whoever sees that all parts are there finishes the job.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from fanfold_steps import runs
from fanfold_steps.beat import Beat
from fanfold_steps.budget import budget_of
from fanfold_steps.claims import Claims
from fanfold_steps.code import Code
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.finish import finish
from fanfold_steps.formats.declared import from_json
from fanfold_steps.inputs import File
from fanfold_steps.map import MapTask
from fanfold_steps.reduce import ReduceTask
from fanfold_steps.report import Reporter
from fanfold_steps.spec import JobConf, stage_from_json
from fanfold_steps.split import split
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, Unsupported
from fanfold_storage.urls import open_objects

STEPS = ("split", "map", "reduce", "all")
SHORTEST_WAIT, LONGEST_WAIT = 0.05, 2.0


class Worker:
    """Works on one job until its step is committed."""

    def __init__(self, tree: JobTree, step: str, index: int) -> None:
        self._tree = tree
        self._conf: JobConf = tree.conf()
        self._step = step
        self._index = index
        self._name = f"{step}-{index}"
        self._claims = Claims(tree, self._name)
        self._reporter = Reporter(self._name)
        self._output = open_objects(self._conf.output)
        self._plan: dict[str, Any] = {}
        self._runs: list[tuple[str, int]] = []
        self._map: MapTask | None = None
        self._reduce: ReduceTask | None = None

    def run(self) -> None:
        """Do tasks until this worker's step is committed; the steps before it come first.

        Raises:
            PermanentFailure: the job can't succeed; `failed.json` says so too.
            StorageError: the store is away; starting again goes on from what is committed.
        """
        with Beat(self._tree, self._name, self._reporter):
            code = Code(self._conf)
            try:
                self._run_steps(code)
            except PermanentFailure as failure:
                self._fail(None, failure)
                raise
            finally:
                code.close()
        self._reporter.ended("done")

    def _run_steps(self, code: Code) -> None:
        self._work_off("split", 1, lambda task, attempt: split(self._tree, self._conf, code))
        if self._step == "split":
            return
        self._plan = self._tree.load("plan.json")
        self._prepare(code)
        self._work_off("map", len(self._plan["splits"]), self._run_map)
        if self._step == "map":
            return
        self._runs = [self._run_of(index) for index in range(len(self._plan["splits"]))]
        self._work_off("reduce", self._plan["partitions"], self._run_reduce)
        self._work_off("finish", 1, lambda task, attempt: finish(self._tree, self._conf))

    def _prepare(self, code: Code) -> None:
        stage = stage_from_json(self._plan["stages"][0])
        files = [File(**file) for file in self._plan["files"]]
        budget = budget_of(self._conf)
        self._map = MapTask(stage, files, self._plan["partitions"], code, from_json(self._plan["input"]), budget)
        self._reduce = ReduceTask(stage, self._segments, code, from_json(self._plan["output"]), budget)

    def _work_off(self, step: str, count: int, run: Callable[[Task, str], None]) -> None:
        """Take tasks of a step, own share first, until all are committed, by whomever."""
        done = self._committed(step)
        taken: list[Task] = []
        for task in [Task(0, step, index) for index in self._order(count) if index not in done]:
            if self._claims.take(task):
                self._attempt(task, run)
                done.add(task.index)
                self._reporter.progress(len(done), count)
            else:
                taken.append(task)
        wait = SHORTEST_WAIT
        while taken:
            done = self._committed(step)
            self._reporter.progress(len(done), count)
            taken = [task for task in taken if task.index not in done]
            if stale := next((task for task in taken if self._claims.is_stale(task)), None):
                self._attempt(stale, run)
            elif taken:
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def _order(self, count: int) -> Iterator[int]:
        """All tasks, beginning with this worker's share, so that workers seldom meet."""
        peers = max(1, self._conf.workers.get(self._step, 1))
        start = self._index * count // peers
        return ((start + i) % count for i in range(count))

    def _committed(self, step: str) -> set[int]:
        if step in ("split", "finish"):
            return {0} if self._tree.find("plan.json" if step == "split" else "report.json") else set()
        return set(self._tree.committed(0, step))

    def _attempt(self, task: Task, run: Callable[[Task, str], None]) -> None:
        attempt = f"{self._name}-{uuid.uuid4().hex[:8]}"
        try:
            run(task, attempt)
        except (NotFound, PermissionDenied, InvalidKey, Unsupported) as error:  # the store's answer won't change
            raise self._fail(task, PermanentFailure("storage", str(error))) from error
        except PermanentFailure as failure:
            self._fail(task, failure)
            raise

    def _fail(self, task: Task | None, failure: PermanentFailure) -> PermanentFailure:
        self._tree.create("failed.json", {"task": asdict(task) if task else None, **failure.to_json()})
        return failure

    def _run_map(self, task: Task, attempt: str) -> None:
        assert self._map
        key = task.run(attempt)
        started = time.monotonic()
        record = self._map.run([tuple(r) for r in self._plan["splits"][task.index]], self._tree.objects, key)
        if not self._tree.commit(task, self._record(attempt, started, record)):
            self._tree.objects.delete(key)

    def _run_reduce(self, task: Task, attempt: str) -> None:
        assert self._reduce
        started = time.monotonic()
        record = self._reduce.run(task.index, self._output)
        if not self._tree.commit(task, self._record(attempt, started, record)):
            self._output.abort(record["handle"])

    def _record(self, attempt: str, started: float, record: dict[str, Any]) -> dict[str, Any]:
        seconds = round(time.monotonic() - started, 3)
        return {"attempt": attempt, "worker": self._name, "seconds": seconds, **record}

    def _run_of(self, index: int) -> tuple[str, int]:
        """Key and size of the run that a map task committed."""
        task = Task(0, "map", index)
        commit = self._tree.commit_of(task)
        return task.run(commit["attempt"]), commit["bytes"]

    def _segments(self, partition: int) -> list[Iterator[runs.Item]]:
        return [runs.read_segment(self._tree.objects, key, size, partition) for key, size in self._runs]
