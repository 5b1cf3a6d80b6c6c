"""The worker: one loop, the same in a process of the local engine and in a pod, that does whatever task is ready.

There is no master. A worker of any step helps with what its step waits for, so no order of starting and no loss of
workers can lock a job up; whoever sees that all parts are there finishes the job.
"""

import os
import uuid
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from types import FrameType

from fanfold_steps import exits
from fanfold_steps.beat import Beat
from fanfold_steps.budget import budget_of
from fanfold_steps.claims import Claims
from fanfold_steps.code import Code
from fanfold_steps.failure import PermanentFailure, user_stack
from fanfold_steps.finish import finish
from fanfold_steps.last_task import LastTask, told_timeout
from fanfold_steps.logs import Logs
from fanfold_steps.plan import PLAN_KEY, Plan
from fanfold_steps.report import Reporter
from fanfold_steps.spec import JobConf
from fanfold_steps.split import split
from fanfold_steps.stages import Stage, Surroundings
from fanfold_steps.tree import JobTree, Task
from fanfold_steps.turns import Share, Turns
from fanfold_steps.watchdog import Watchdog
from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unsupported
from fanfold_storage.urls import open_objects

STEPS = ("split", "map", "reduce", "all")


class Worker:
    """Works on one job until its step is committed."""

    def __init__(self, tree: JobTree, step: str, index: int) -> None:
        self._tree = tree
        self._conf: JobConf = tree.conf()
        self.budget = budget_of(self._conf)
        self._step = step
        self._index = index
        self._name = f"{step}-{index}"
        self._claims = Claims(tree, self._name)
        self._reporter = Reporter(self._name)
        self._output = open_objects(self._conf.output)
        self._stages: list[Stage] = []
        self._logs = Logs(tree, self._name)
        self._last = LastTask(tree)
        self._watchdog = Watchdog(None, lambda task, frame: None, self._last.dump)

    def run(self) -> None:
        """Do tasks until this worker's step is committed; the steps before it come first.

        Raises:
            PermanentFailure: the job can't succeed; `failed.json` says so too.
            StorageError: the store is away; starting again goes on from what is committed.
        """
        with self._logs.taken(), Beat(self._tree, self._name, self._reporter, self._logs.flush):
            code = Code(self._conf, self._reporter.status)
            try:
                self._account()
                self._run_steps(code)
            except PermanentFailure as failure:
                self._fail(None, failure)
                raise
            finally:
                code.close()
        self._reporter.ended("done")

    def _run_steps(self, code: Code) -> None:
        self._work_off(0, "split", 1, lambda task, attempt: split(self._tree, self._conf, code))
        if self._step == "split":
            return
        plan, surroundings = Plan.load(self._tree), Surroundings(self._tree, self._output, code, self.budget)
        code.surround(plan.spec)
        self._watchdog = Watchdog(plan.spec.timeout, partial(self._bite, code, plan.spec.timeout), self._last.dump)
        self._stages = [Stage(plan, index, surroundings) for index in range(len(plan.tasks))]
        for stage in self._stages:
            *_, last = stage.tasks
            for step, count in stage.tasks.items():
                self._work_off(stage.index, step, count, self._run_task)
                if stage.is_last and step == self._step != last:
                    return
        self._work_off(0, "finish", 1, lambda task, attempt: finish(self._tree, self._conf))

    def _work_off(self, stage: int, step: str, count: int, run: Callable[[Task, str], None]) -> None:
        """Do this worker's part of a step, and leave when all its tasks are committed."""
        share = Share(self._index, max(1, self._conf.workers.get(self._step, 1)))
        tasks = [Task(stage, step, index) for index in share.order(count)]
        committed = partial(self._committed, stage, step)
        for task in Turns(self._claims, tasks, committed, lambda done: self._reporter.progress(done, count)):
            self._attempt(task, run)

    def _committed(self, stage: int, step: str) -> set[int]:
        if step in ("split", "finish"):
            return {0} if self._tree.find(PLAN_KEY if step == "split" else "report.json") else set()
        return set(self._tree.committed(stage, step))

    def _attempt(self, task: Task, run: Callable[[Task, str], None]) -> None:
        attempt = f"{self._name}-{uuid.uuid4().hex[:8]}"
        try:
            with self._last.over(task), self._logs.over(task), self._watchdog.over(task):
                run(task, attempt)
        except (NotFound, PermissionDenied, InvalidKey, Unsupported) as error:  # the store's answer won't change
            raise self._fail(task, PermanentFailure("storage", str(error))) from error
        except PermanentFailure as failure:
            self._fail(task, failure)
            raise

    def _fail(self, task: Task | None, failure: PermanentFailure) -> PermanentFailure:
        where = {"task": asdict(task) if task else None, "stages": max(1, len(self._stages))}
        self._tree.create("failed.json", {**where, **failure.to_json(), "log": self._logs.last})
        return failure

    def _account(self) -> None:
        """End the job if the process before this one died at a task in a way that trying again won't mend."""
        if verdict := self._last.verdict(self._conf.spec.timeout):
            raise self._fail(*verdict)

    def _bite(self, code: Code, seconds: float | None, task: Task, frame: FrameType | None) -> None:
        """End this process and the job: the task takes too long. The user's code may never come back to us."""
        cursor = code.cursor  # the other thread may leave it at any time
        position = cursor.position if cursor else None
        trace = user_stack(frame, code.root)
        try:
            failure = PermanentFailure("timeout", told_timeout(seconds), trace=trace, position=position)
            self._fail(task, failure)
            self._logs.flush()
            self._reporter.failed(self._tree.failure() or failure.to_json())
        except StorageError:
            os._exit(exits.STORE_AWAY)
        os._exit(exits.FAILED)

    def _run_task(self, task: Task, attempt: str) -> None:
        stage = self._stages[task.stage]
        record = stage.run(task, attempt)
        if not self._tree.commit(task, {"worker": self._name, **record}):
            stage.drop(task, record)
