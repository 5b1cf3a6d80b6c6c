"""A job's progress, read from its tree alone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.inputs.splits import UnsplitFile
from fanfold_steps.tree.commit import Commit, Counters
from fanfold_steps.tree.counters import added, bounded, counted
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import Plan, PlanHead
from fanfold_steps.tree.report import Report
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed
from fanfold_storage.errors import NotFound


@dataclass(slots=True)
class StepProgress:
    """How many tasks a step has, how many are committed, and how many records those read and bytes they wrote."""

    step: str
    tasks: int
    done: int = 0
    failed: int = 0
    records: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class StageProgress:
    """A stage's steps in order; in stage 0 the first is the split."""

    index: int
    steps: list[StepProgress]


@dataclass(frozen=True, slots=True)
class Progress:
    """A job's state and its steps, of which there are none before there is a plan. A report overrides a failure."""

    state: Literal["waiting", "running", "succeeded", "failed"]
    stages: list[StageProgress]
    failure: Failure | None = None
    """`failed.json`, or why the tree can't be read."""
    report: Report | None = None
    counters: Counters = field(default_factory=dict)
    """What the committed tasks counted."""

    @property
    def place(self) -> str:
        """The job's first step with tasks left, for the end of a sentence; empty if there is no plan yet."""
        left = ((stage, step) for stage in self.stages for step in stage.steps if step.done < step.tasks)
        return next((f" (in stage {stage.index}, {step.step})" for stage, step in left), "")


@dataclass(slots=True)
class ProgressReader:
    """Reads a job's progress any number of times; it reads the plan and each commit only once."""

    tree: JobTree
    on_commit: Callable[[Task, Commit], None] = lambda task, commit: None
    """Called once with each commit that is found."""
    _plan: PlanHead | None = None
    _commits: dict[Task, tuple[int, int]] = field(default_factory=dict)
    """Records and bytes of each."""
    _counted: Counters = field(default_factory=dict)

    def read(self) -> Progress:
        """The job's current progress. A job whose tree can't be read, such as another version's, has failed.

        Raises:
            StorageError: the store is unavailable.
        """
        try:
            return self._read()
        except PermanentFailure as failure:
            return Progress("failed", [], Failure.of(failure))

    def _read(self) -> Progress:
        report = self.tree.report()
        failure = None if report else self.tree.failure()
        if self._plan is None:
            with suppress(NotFound):
                self._plan = PlanHead.load(self.tree)
        plan = self._plan
        if plan is None:
            return Progress("succeeded" if report else "failed" if failure else "waiting", [], failure, report)
        stages = [
            StageProgress(index, [self._step(index, step, count) for step, count in steps.items()])
            for index, steps in enumerate(plan.tasks)
        ]
        stages[0].steps.insert(0, StepProgress("split", 1, 1, bytes=plan.bytes))
        if failure and (task := failure.task):
            for stage in stages:
                for step in stage.steps:
                    step.failed = int((stage.index, step.step) == (task.stage, task.step))
        state: Literal["running", "succeeded", "failed"] = "succeeded" if report else "failed" if failure else "running"
        return Progress(state, stages, failure, report, bounded(report.counters) if report else self._counted)

    def unsplit_files(self) -> list[UnsplitFile]:
        """Files that the plan, once there is one, says are larger than a split and can't be split."""
        return Plan.load(self.tree).whole if self._plan else []

    def status(self) -> str:
        """What the user's code in any one of the workers last said it was doing (`ctx.progress`)."""
        keys = [stat.key for stat in self.tree.objects.list("workers/")]
        statuses = []
        for key in keys:
            with suppress(Malformed):  # a heartbeat is a hint, and may be truncated
                statuses.append((self.tree.find(key) or {}).get("status", ""))
        return next(filter(None, statuses), "")

    def _step(self, stage: int, name: str, tasks: int) -> StepProgress:
        step = StepProgress(name, tasks)
        for index in self.tree.committed(stage, name):
            task = Task(stage, name, index)
            if index >= tasks:
                continue  # something else put it there
            if task not in self._commits:
                try:
                    commit = self.tree.commit_of(task)
                except NotFound:  # no file: something else put it there
                    continue
                self._counted = bounded(added([self._counted, counted(task, commit)]))
                self._commits[task] = commit.records, commit.bytes
                self.on_commit(task, commit)
            records, size = self._commits[task]
            step.done += 1
            step.records += records
            step.bytes += size
        return step
