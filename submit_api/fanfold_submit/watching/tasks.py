"""The tasks of a job: while it runs, from what the reconciler reads anyway; when it has ended, from `tasks.json`."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from fanfold.diagnosis.explain import JobFacts
from fanfold.diagnosis.tasks import JobTasks, StepTasks
from fanfold_steps.summary.task_table import TaskTable, find_table, table_of_commits
from fanfold_steps.summary.workers import at_work
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed
from fanfold_submit.jobs.job import Job
from fanfold_submit.watching.trees import WatchedTree, WatchedTrees

MOST_KEPT = 16  # tables of ended jobs, of which those are asked for again who are turning pages


class Tasks:
    """What is known of the tasks of jobs."""

    def __init__(self, trees: WatchedTrees, now: Callable[[], float]) -> None:
        self._trees = trees
        self._now = now
        self._ended: OrderedDict[tuple[str, str], TaskTable] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, job: Job) -> JobTasks:
        """The tasks of a job as it stands. Raises StorageError."""
        failed = _failed(job)
        if job.state.final:
            return JobTasks(_steps(job), self._table_of_ended(job), failed=failed)
        watched = self._trees.find(job) or WatchedTree(JobTree.open(job.url))
        progress = watched.recent()
        steps = [
            StepTasks(stage.index, step.step, step.tasks)
            for stage in progress.stages
            for step in stage.steps
            if step.step != "split"
        ]
        return JobTasks(steps, watched.table.copy(), at_work(watched.tree), failed)

    def facts(self, job: Job, waiting: str) -> JobFacts:
        """What is known of a job, to explain what bounds it; `waiting` says why it waits. Raises StorageError."""
        began = _moment(job.started or job.created)
        ended = _moment(job.finished) if job.finished else self._now()
        return JobFacts(
            state=job.state,
            tasks=self.of(job),
            workers=sum(job.conf.get("workers", {}).values()),
            seconds=max(0.0, ended - began) if job.started else 0.0,
            failure=_failure(job),
            waiting=waiting,
        )

    def _table_of_ended(self, job: Job) -> TaskTable:
        key = job.id, job.finished or ""
        with self._lock:
            if key in self._ended:
                self._ended.move_to_end(key)
                return self._ended[key]
        table = _stored(JobTree.open(job.url), _steps(job))
        with self._lock:
            self._ended[key] = table
            while len(self._ended) > MOST_KEPT:
                self._ended.popitem(last=False)
        return table


def _stored(tree: JobTree, steps: list[StepTasks]) -> TaskTable:
    """The table in a tree; of a job that ended before there were tables, or whose code has changed it, the commits'."""
    try:
        if table := find_table(tree):
            return table
    except Malformed:
        pass
    return table_of_commits(tree, [(step.stage, step.step, step.tasks) for step in steps])


def _steps(job: Job) -> list[StepTasks]:
    return [
        StepTasks(stage.index, step.step, step.tasks or 0)
        for stage in job.stages
        for step in stage.steps
        if step.step != "split"
    ]


def _failed(job: Job) -> Task | None:
    """The task at which a job failed, as its record says."""
    failure = _failure(job)
    return failure.task if failure else None


def _failure(job: Job) -> Failure | None:
    if not (problem := job.error):
        return None
    return Failure.from_json({**problem, "message": str(problem.get("detail", "")).rstrip(".")})


def _moment(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
