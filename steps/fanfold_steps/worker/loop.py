"""The worker: one loop that does whatever task is ready, the same in a process of the local engine and in a pod.

There is no master. A worker for any step also does the steps before it, and one for `map` what nobody has begun of the
steps after it, so neither the order in which workers start nor the loss of some can deadlock a job. Whichever worker
sees that all parts are there finishes the job.
"""

import os
import re
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from types import FrameType
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.user_frames import user_stack
from fanfold_steps.failure.wording import in_a_line
from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import JobConf
from fanfold_steps.memory.budget import budget_of
from fanfold_steps.outputs.finish import finish
from fanfold_steps.tasks.split import split
from fanfold_steps.tasks.stage import Stage, WorkerContext
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.left import leave
from fanfold_steps.tree.plan import PLAN_KEY, Plan
from fanfold_steps.tree.report import REPORT_KEY
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import OtherVersion
from fanfold_steps.user_code.loading import Code
from fanfold_steps.worker import exits
from fanfold_steps.worker.claims import Claims
from fanfold_steps.worker.defects import RETRY, with_one_retry, without_retry
from fanfold_steps.worker.heartbeat import Heartbeat
from fanfold_steps.worker.last_task import LastTask, timeout_message
from fanfold_steps.worker.logs import Logs
from fanfold_steps.worker.own_progress import OwnProgress
from fanfold_steps.worker.report import Reporter
from fanfold_steps.worker.schedule import Portion, TaskSchedule
from fanfold_steps.worker.telling import claimed, committed
from fanfold_steps.worker.terms import terms, threads_of
from fanfold_steps.worker.watchdog import Watchdog
from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unsupported
from fanfold_storage.urls import open_objects

STEPS = ("split", "map", "reduce", "all")
HOST = socket.gethostname()
"""The machine; in a pod, the pod's name."""
STAGE = re.compile(r"stage-(\d+)")
"""The step of a worker that does a stage and those after it, up to the next one that other workers do."""


class Worker:
    """Works on one job until its step is committed."""

    def __init__(self, tree: JobTree, step: str, index: int, *, in_order: bool = False) -> None:
        """With `in_order`, the worker leaves the steps after its own to the workers that come after it."""
        self._tree = tree
        self._in_order = in_order
        self._conf: JobConf = tree.conf()
        self.budget = budget_of(self._conf)
        self.threads = threads_of(self._conf.spec)
        self._step = step
        self._index = index
        self._name = f"{step}-{index}"
        self._claims = Claims(tree, self._name)
        self._portion = Portion(index, max(1, self._conf.workers.get(step, 1)))
        self.reporter = Reporter(self._name)
        self._progress = OwnProgress(self.reporter, step, self._portion)
        self._output = open_objects(self._conf.output)
        self._stages: list[Stage] = []
        self._logs = Logs(tree, self._name)
        self._last = LastTask(tree)
        self._watchdog = Watchdog(None, lambda task, frame: None, self._last.dump)  # until the plan gives a timeout
        self._doing: dict[str, Any] = {}
        self._told: PermanentFailure | None = None

    def run(self) -> None:
        """Do tasks until this worker's step is committed; the steps before it come first, what is free after it last.

        Raises:
            PermanentFailure: the job can't succeed; `failed.json` says why.
            StorageError: the store is unavailable; a new process resumes from what is committed.
        """
        with self._logs.capture(), self._heartbeat():
            code = Code(self._conf, self._on_progress)
            try:
                self._check_last_task()
                with terms(self._conf.spec.resources or Resources(), partial(self._on_deadline, "the job")):
                    self._run_steps(code)
            except PermanentFailure as failure:
                self._fail(None, failure)
                raise
            finally:
                code.close()
        self.reporter.ended("done")

    def _run_steps(self, code: Code) -> None:
        self._code = code
        with without_retry():
            code.install_packages()
        self._do_step(0, "split", 1, lambda task, attempt: split(self._tree, self._conf, code))
        if self._step == "split":
            return
        plan = Plan.load(self._tree)
        context = WorkerContext(self._tree, self._output, code, self.budget, self._on_spill)
        with without_retry():
            code.prepare(plan.spec)
        self._watchdog = Watchdog(
            plan.spec.timeout, partial(self._on_timeout, code, plan.spec.timeout), self._last.dump
        )
        with without_retry():
            self._stages = [Stage(plan, index, context) for index in range(len(plan.tasks))]
        end, waits = _end_of_crew(self._step, self._conf), True
        self._progress.plan((stage.index, stage.tasks) for stage in self._stages[:end])
        for stage in self._stages[:end]:
            *_, last = stage.tasks
            with terms(plan.spec.resources_of(stage.index), partial(self._on_deadline, f"stage {stage.index}")):
                for step, count in stage.tasks.items():
                    if not self._do_step(stage.index, step, count, self._run_task, waits=waits):
                        return
                    is_done = stage.is_last and step == self._step != last
                    if is_done and self._in_order:
                        return
                    waits = waits and not is_done
        if end is None:
            self._do_step(0, "finish", 1, lambda task, attempt: finish(self._tree, self._conf), waits=waits)

    def _do_step(
        self, stage: int, step: str, count: int, run: Callable[[Task, str], None], *, waits: bool = True
    ) -> bool:
        """Do this worker's part of a step, until all of its tasks are committed, by whichever workers.

        One that doesn't wait for other workers only does what they haven't begun. False: they haven't ended.
        """
        tasks = [Task(stage, step, index) for index in self._portion.order(count)]
        done = partial(self._committed, stage, step)
        schedule = TaskSchedule(self._claims, tasks, done, partial(self._progress.see, stage, step))
        for task in schedule if waits else schedule.unclaimed():
            self._attempt(task, run)
        self._logs.flush()  # before another worker may finish the job, and the engine end this one
        return waits or schedule.is_done

    def _committed(self, stage: int, step: str, near: int | None = None) -> set[int]:
        if step in ("split", "finish"):
            return {0} if self._tree.find(PLAN_KEY if step == "split" else REPORT_KEY) else set()
        return set(self._tree.committed(stage, step, near))

    def _on_progress(self, words: str) -> None:
        """Keep what the user's code says it is doing, for the next heartbeat."""
        self.reporter.status(words)
        self._logs.progress(self.reporter.words)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self._tree, self._name, self.reporter, self._logs.flush, lambda: {"host": HOST, **self._doing})

    def _attempt(self, task: Task, run: Callable[[Task, str], None]) -> None:
        attempt = f"{self._name}-{uuid.uuid4().hex[:8]}"
        try:
            with self._last.during(task) as watch, self._logs.during(task), self._watchdog.during(task):
                self._code.watch = watch
                self._doing = {**asdict(task), "since": time.time(), "attempts": self._attempts(task)}
                self._logs.say(claimed(self._claims.turns.get(task, 1), self._last.deaths))
                with_one_retry(partial(run, task), attempt)
        except (NotFound, PermissionDenied, InvalidKey, Unsupported) as error:  # the store's response won't change
            raise self._fail(task, PermanentFailure("storage", str(error))) from error
        except PermanentFailure as failure:
            self._fail(task, failure)
            raise
        finally:
            self._doing = {}

    def _attempts(self, task: Task) -> int:
        """How many attempts at a task were begun, this one included: backup tasks, and those of processes that died."""
        return self._claims.turns.get(task, 1) + self._last.deaths

    def _on_spill(self, times: int) -> None:
        if times == 1:
            self._logs.say("spilled to disk: the memory is full")

    def _fail(self, task: Task | None, failure: PermanentFailure) -> PermanentFailure:
        if not isinstance(failure, OtherVersion):  # workers of the other version may still be running: keep its tree
            if failure is not self._told:
                self._logs.say(f"failed: {in_a_line(failure.message)}", task)
            self._told = failure
            self._logs.flush()  # before the engine ends this process, which it does as soon as the job has failed
            self._tree.fail(Failure.of(failure, task, max(1, len(self._stages)), self._logs.last))
        return failure

    def _check_last_task(self) -> None:
        """End the job if the previous process died at a task in a way that another attempt won't fix."""
        if verdict := self._last.verdict(self._conf.spec.timeout):
            raise self._fail(*verdict)

    def _on_timeout(self, code: Code, seconds: float | None, task: Task, frame: FrameType | None) -> None:
        """End this process and the job: the task takes too long, and the user's code may never return."""
        cursor = code.cursor  # the other thread may reset it at any time
        position = cursor.position if cursor else None
        trace = user_stack(frame, code.root)
        self._exit_with(task, PermanentFailure("timeout", timeout_message(seconds), trace=trace, position=position))

    def _on_deadline(self, what: str, seconds: float) -> None:
        """End this process and the job, which isn't done by its deadline."""
        mend = "raise the deadline of its Resources, or give it more workers"
        self._exit_with(
            None, PermanentFailure("deadline", f"{what} had not ended after {seconds:g} s, its deadline: {mend}")
        )

    def _exit_with(self, task: Task | None, failure: PermanentFailure) -> None:
        """Fail the job and end this process from another thread than the one that does tasks."""
        try:
            self._fail(task, failure)
            leave(self._tree, self._name)
            self._logs.flush()
            self.reporter.failed(self._tree.failure() or Failure.of(failure, task))
        except StorageError:
            os._exit(exits.STORE_AWAY)
        os._exit(exits.FAILED)

    def _run_task(self, task: Task, attempt: str) -> None:
        stage, attempts = self._stages[task.stage], self._attempts(task)
        if attempt.endswith(RETRY):
            attempts += 1
            self._logs.say("retried: something unexpected was raised, see above")
        commit = replace(stage.run(task, attempt), worker=self._name, host=HOST, attempts=attempts)
        if self._tree.commit(task, commit):
            self.reporter.committed(commit)
            self._logs.say(committed(commit))
        else:
            self._logs.say("dropped: another attempt at this task was committed first")
            stage.drop(task, commit)


def _end_of_crew(step: str, conf: JobConf) -> int | None:
    """The stage at which workers of another step take over from those of this one; None if they do all to the end."""
    if not (match := STAGE.fullmatch(step)):
        return None
    firsts = sorted(int(found[1]) for found in map(STAGE.fullmatch, conf.workers) if found)
    return next((first for first in firsts if first > int(match[1])), None)
