"""How far a job is, read from its tree alone."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from fanfold_steps.counters import Counters, added, counted
from fanfold_steps.inputs import Whole
from fanfold_steps.tree import JobTree, Task


@dataclass(slots=True)
class StepProgress:
    """A step's tasks: how many there are, how many are committed, what those read (records) and wrote (bytes)."""

    step: str
    tasks: int
    done: int = 0
    failed: int = 0
    records: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class StageProgress:
    """A stage's steps in order; those of stage 0 begin with the split."""

    index: int
    steps: list[StepProgress]


@dataclass(frozen=True, slots=True)
class Progress:
    """A look at the tree; it has no stages before there is a plan.
    `failure` is `failed.json`, `report` is `report.json`; a report outweighs a failure."""

    state: Literal["waiting", "running", "succeeded", "failed"]
    stages: list[StageProgress]
    failure: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    counters: Counters = field(default_factory=dict)
    """What the committed tasks counted."""


@dataclass(slots=True)
class ProgressReader:
    """Reads a tree again and again at a cost that follows what is new: the plan and each commit are read once."""

    tree: JobTree
    _plan: dict[str, Any] | None = None
    _commits: dict[Task, dict[str, Any]] = field(default_factory=dict)
    _counted: Counters = field(default_factory=dict)

    def read(self) -> Progress:
        """The job as it stands. Raises StorageError when the store is away."""
        report = self.tree.find("report.json")
        failure = None if report else self.tree.failure()
        plan = self._plan = self._plan or self.tree.find("plan.json")
        if plan is None:
            return Progress("succeeded" if report else "failed" if failure else "waiting", [], failure, report)
        stages = [
            StageProgress(index, [self._step(index, step, count) for step, count in steps.items()])
            for index, steps in enumerate(plan["tasks"])
        ]
        stages[0].steps.insert(0, StepProgress("split", 1, 1, bytes=plan["bytes"]))
        if failure and (task := failure["task"]):
            for stage in stages:
                for step in stage.steps:
                    step.failed = int((stage.index, step.step) == (task["stage"], task["step"]))
        state: Literal["running", "succeeded", "failed"] = "succeeded" if report else "failed" if failure else "running"
        return Progress(state, stages, failure, report, report.get("counters", {}) if report else self._counted)

    @property
    def whole(self) -> list[Whole]:
        """Files that the plan says are larger than a split and can't be split."""
        return [Whole(**file) for file in (self._plan or {}).get("whole", [])]

    def words(self) -> str:
        """What the user's code last said it is doing (`ctx.progress`), in whichever worker."""
        keys = [stat.key for stat in self.tree.objects.list("workers/")]
        told = []
        for key in keys:
            with suppress(ValueError):  # a beat is a hint, and may be cut off
                told.append((self.tree.find(key) or {}).get("status", ""))
        return next(filter(None, told), "")

    def _step(self, stage: int, name: str, tasks: int) -> StepProgress:
        step = StepProgress(name, tasks)
        for index in self.tree.committed(stage, name):
            task = Task(stage, name, index)
            if task not in self._commits:
                commit = self._commits[task] = self.tree.commit_of(task)
                self._counted = added([self._counted, counted(task, commit)])
            step.done += 1
            step.records += self._commits[task]["records"]
            step.bytes += self._commits[task]["bytes"]
        return step
