"""The job's named outputs: each a folder of parts, beside the parts of the job's own output.

Each task of the last step writes what it emits for them. The first of these tasks writes, before that, the side records
of all earlier steps, in the order of stages, steps and tasks: that is input order, however the input was split.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.memory.budget import Budget
from fanfold_steps.outputs.parts import PartWriter
from fanfold_steps.outputs.side_records import NamedRecords
from fanfold_steps.sorting import runs
from fanfold_steps.tree.commit import Commit, Written
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import Plan
from fanfold_steps.tree.task import Task
from fanfold_storage.objects import Objects


class NamedOutputs:
    """Writes side records: tasks of the last step write parts, earlier ones a run of their own."""

    def __init__(self, plan: Plan, tree: JobTree, output: Objects, code_root: Path, budget: Budget) -> None:
        self.names = list(plan.spec.outputs)
        self._parts = {
            name: PartWriter(output, declared, code_root, budget, f"{name}/")
            for name, declared in plan.spec.outputs.items()
        }
        self._plan = plan
        self._tree = tree
        self._budget = budget

    def write(self, task: Task, commit: Commit, side_records: NamedRecords, kind: str) -> Commit:
        """Write what an attempt emitted for named outputs; returns its commit with that. Raises PermanentFailure."""
        try:
            if task in self._last:
                return replace(commit, named=self._write_parts(task, commit.attempt, side_records, kind))
            if side_records.is_empty:
                return commit
            return replace(commit, side_records=self._write_run(task, commit.attempt, side_records))
        except runs.Unpicklable as error:
            raise PermanentFailure(kind, str(error)) from error

    def drop(self, task: Task, commit: Commit) -> None:
        """Remove what an attempt wrote, because another attempt counts."""
        for name, written in commit.named.items():
            self._parts[name].drop(task, written)
        if commit.side_records is not None:
            self._tree.objects.delete(task.side_records(commit.attempt))

    def _write_run(self, task: Task, attempt: str, side_records: NamedRecords) -> int:
        with around("side.run"):
            return self._tree.put_run(
                task.side_records(attempt), runs.pack(side_records.segments(), self._budget.block)
            )

    def _write_parts(self, task: Task, attempt: str, side_records: NamedRecords, kind: str) -> dict[str, Written]:
        """A part for each output that has records; the first task writes one for every output."""
        written = {}
        for number, name in enumerate(self.names):
            records = chain(self._earlier(number), side_records.of(name)) if task.index == 0 else side_records.of(name)
            first = next(records, self)
            if task.index == 0 or first is not self:
                whole = records if first is self else chain([first], records)
                written[name] = self._parts[name].write(task, attempt, whole, kind)
        return written

    def _earlier(self, number: int) -> Iterator[Any]:
        for key, size in self._runs:
            yield from map(itemgetter(1), runs.read_segment(self._tree.objects, key, size, number))

    @cached_property
    def _runs(self) -> list[tuple[str, int]]:
        """Key and size of the runs of all earlier tasks that wrote side records."""
        earlier = [task for task in self._plan.all_tasks if task not in self._last]
        commits = zip(earlier, self._tree.commits_of(earlier), strict=True)
        return [
            (task.side_records(commit.attempt), commit.side_records)
            for task, commit in commits
            if commit.side_records is not None
        ]

    @cached_property
    def _last(self) -> set[Task]:
        return set(self._plan.last_tasks)
