"""The job's named outputs: each a folder of parts beside the job's own.

A task of the last step writes what it gives itself; its first task also writes, before that, what all earlier steps
gave, in the order of stages, steps and tasks. That is input order, however the input was cut.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from fanfold_steps import runs
from fanfold_steps.aside import Aside
from fanfold_steps.budget import Budget
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.plan import Plan
from fanfold_steps.sinks import Parts
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.objects import Objects


class NamedOutputs:
    """Where records taken aside go: into parts, or from earlier steps into a run of their own."""

    def __init__(self, plan: Plan, tree: JobTree, output: Objects, code_root: Path, budget: Budget) -> None:
        self.names = list(plan.spec.outputs)
        self._parts = {
            name: Parts(output, declared, code_root, budget, f"{name}/") for name, declared in plan.spec.outputs.items()
        }
        self._plan = plan
        self._tree = tree
        self._budget = budget

    def write(self, task: Task, attempt: str, aside: Aside, kind: str) -> dict[str, Any]:
        """Write what a task gave; what its commit records. Raises PermanentFailure."""
        try:
            if task in self._last:
                return {"named": self._write_parts(task, attempt, aside, kind)}
            return {} if aside.is_empty else {"aside": self._write_run(task, attempt, aside)}
        except runs.Unpicklable as error:
            raise PermanentFailure(kind, str(error)) from error

    def drop(self, task: Task, commit: dict[str, Any]) -> None:
        """Remove what an attempt wrote that didn't come to count."""
        for name, written in commit.get("named", {}).items():
            self._parts[name].drop(task, written)
        if "aside" in commit:
            self._tree.objects.delete(task.aside(commit["attempt"]))

    def _write_run(self, task: Task, attempt: str, aside: Aside) -> int:
        with around("aside.run"):
            return self._tree.objects.put(task.aside(attempt), runs.pack(aside.segments(), self._budget.block))

    def _write_parts(self, task: Task, attempt: str, aside: Aside, kind: str) -> dict[str, Any]:
        """A part for each output that there is something for; the first task's are always there."""
        written = {}
        for number, name in enumerate(self.names):
            records = chain(self._earlier(number), aside.of(name)) if task.index == 0 else aside.of(name)
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
        """Key and size of the runs of all earlier tasks that took something aside."""
        earlier = [task for task in self._plan.all_tasks if task not in self._last]
        commits = zip(earlier, self._tree.commits_of(earlier), strict=True)
        return [(task.aside(commit["attempt"]), commit["aside"]) for task, commit in commits if "aside" in commit]

    @cached_property
    def _last(self) -> set[Task]:
        return set(self._plan.last_tasks)
