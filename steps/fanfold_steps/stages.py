"""A stage, as a worker does its tasks: what each reads, what runs over it, where the records go."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from fanfold_steps.aside import Aside
from fanfold_steps.batches import Batch, Batches, FileBatches, StageBatches
from fanfold_steps.budget import Budget
from fanfold_steps.code import Code
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.formats import LineRecords
from fanfold_steps.formats.declared import Text
from fanfold_steps.inputs import input_specs
from fanfold_steps.mappers import Mapper
from fanfold_steps.named_outputs import NamedOutputs
from fanfold_steps.plan import Plan, Tasks
from fanfold_steps.policy import Skip
from fanfold_steps.quarantine import demand_few
from fanfold_steps.scratch import Scratch
from fanfold_steps.shuffle import ShuffleTask, members
from fanfold_steps.sinks import Parts, Runs, Sink
from fanfold_steps.spec import InputSpec
from fanfold_steps.tasks import Means, ReadSegment, map_runner, mapper_of, reduce_runner
from fanfold_steps.to import UnknownOutput
from fanfold_steps.total_order import Weigh, file_batches, settled, stage_batches
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker's stages share: the job's tree, where the output goes, the user's code, the memory."""

    tree: JobTree
    output: Objects
    code: Code
    budget: Budget


class Stage:
    """One stage of a plan, its code found and checked."""

    def __init__(self, plan: Plan, index: int, around: Surroundings) -> None:
        spec, code, budget = plan.spec.stages[index], around.code, around.budget
        self.index = index
        self._spec = spec
        self.tasks: Tasks = plan.tasks[index]
        self.is_last = index == len(plan.tasks) - 1
        self._plan = plan
        self._tree = around.tree
        self._code = code
        self._budget = budget
        self._inputs = input_specs(plan.spec) if index == 0 else {"": InputSpec()}
        self._mappers = {name: mapper_of(named.map or spec.map, code) for name, named in self._inputs.items()}
        parts = Parts(around.output, plan.spec.output, code.root, budget) if self.is_last else None
        self._sink: Sink = parts or Runs(around.tree.objects, budget)
        as_text = self.is_last and isinstance(plan.spec.output, Text)
        means = Means(
            spec, self.tasks, code, budget, around.tree.objects, self._sink, self._boundaries, self._segments, as_text
        )
        self._map = map_runner(means)
        self._reduce = reduce_runner(means) if "reduce" in self.tasks else None
        has_named = bool(plan.spec.outputs)
        self._named = NamedOutputs(plan, around.tree, around.output, code.root, budget) if has_named else None
        self._runs: list[tuple[str, int]] = []
        self._open = cache(open_objects)

    def run(self, task: Task, attempt: str) -> dict[str, Any]:
        """Do a task of this stage; returns what its commit records. Raises PermanentFailure, StorageError."""
        started = time.monotonic()
        with Scratch() as scratch:
            aside = Aside(self._named.names, scratch, self._budget) if self._named else None
            steps = {"map": self._run_map, "shuffle": self._run_shuffle, "reduce": self._run_reduce}
            run, kind = steps[task.step], "mapper" if task.step == "map" else "reducer"
            try:
                record = run(task, attempt, aside)
            except UnknownOutput as error:
                raise PermanentFailure(kind, str(error)) from error
            if self._named and aside:
                record |= self._named.write(task, attempt, aside, kind)
        return {"attempt": attempt, "seconds": round(time.monotonic() - started, 3), **record}

    def drop(self, task: Task, record: dict[str, Any]) -> None:
        """Remove what an attempt wrote: another came first."""
        if skipped := record.get("skipped"):
            self._tree.objects.delete(skipped["key"])
        if task.step != list(self.tasks)[-1]:
            self._tree.objects.delete(task.run(record["attempt"]))
        else:
            self._sink.drop(task, record)
        if self._named:
            self._named.drop(task, record)

    def _run_map(self, task: Task, attempt: str, aside: Aside | None) -> dict[str, Any]:
        batches, mapper = self._batches(task.index)
        if aside and isinstance(mapper, Mapper):
            mapper = replace(mapper, aside=aside)
        return self._map(mapper, batches, task, attempt)

    def _run_shuffle(self, task: Task, attempt: str, aside: Aside | None) -> dict[str, Any]:
        maps = self._all("map")
        merged = [maps[index] for index in members(task.index, len(maps))]
        found = _runs_of(merged, self._tree.commits_of(merged))
        return ShuffleTask(self._spec, self._budget).run(found, self._tree.objects, task.run(attempt))

    def _run_reduce(self, task: Task, attempt: str, aside: Aside | None) -> dict[str, Any]:
        assert self._reduce
        context, quarantine = self._code.context(), self._code.quarantine()
        records = self._reduce(task, attempt, context, quarantine)
        if aside and not isinstance(records, LineRecords):  # which are given to no named output
            records = aside.without(records)
        written = self._sink.write(task, attempt, records, "reducer")
        skipped = quarantine.store(self._tree.objects, task.run(attempt)) if quarantine else {}
        return {**written, "counters": context.counters(), **skipped}

    def _batches(self, index: int) -> tuple[Batches, Any]:
        """What a map task reads, and its mapper."""
        if self.index:
            return StageBatches(self._tree, self._plan.tasks_of(self.index - 1)[index]), self._mappers[""]
        split = self._plan.splits[index]
        name = self._plan.files[split[0][0]].input
        batches = FileBatches(self._plan.files, split, self._inputs[name].format, self._open, self._budget.piece)
        return batches, self._mappers[name]

    def _boundaries(self, weigh: Weigh) -> list[bytes]:
        """Where the ranges of a total order begin; found when the first map begins, since that needs its input."""
        return settled(self._tree, self.index, self.tasks["reduce"], lambda fineness: weigh(self._sample(fineness)))

    def _sample(self, fineness: int) -> Iterator[tuple[Any, Batch]]:
        """Batches with their mappers; what those give for named outputs is let go."""
        mappers = self._mappers
        if self._named:
            nowhere = Aside(self._named.names, None, self._budget)
            mappers = {name: replace(mapper, aside=nowhere) for name, mapper in mappers.items()}
        if self.index:
            for batch in stage_batches(self._tree, self._plan.tasks_of(self.index - 1)):
                yield mappers[""], batch
        else:
            formats = {name: named.format for name, named in self._inputs.items()}
            for name, batch in file_batches(self._plan.files, formats, self._open, fineness):
                yield mappers[name], batch

    def _segments(self, read: ReadSegment, partition: int) -> list[Iterator[Any]]:
        self._runs = self._runs or self._committed_runs()
        return [read(self._tree.objects, key, size, partition) for key, size in self._runs]

    def _committed_runs(self) -> list[tuple[str, int]]:
        """Key and size of each map task's run, or of each group's that was shuffled.

        Raises:
            PermanentFailure: too many records were skipped.
        """
        step = "shuffle" if "shuffle" in self.tasks else "map"
        tasks, policy = self._all(step), self._plan.spec.on_error
        commits = self._tree.commits_of(tasks)
        if isinstance(policy, Skip):
            demand_few(policy, commits if step == "map" else self._tree.commits_of(self._all("map")), "records")
        return _runs_of(tasks, commits)

    def _all(self, step: str) -> list[Task]:
        return [Task(self.index, step, index) for index in range(self.tasks[step])]


def _runs_of(tasks: list[Task], commits: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Key and size of the runs that tasks committed."""
    return [(task.run(commit["attempt"]), commit["bytes"]) for task, commit in zip(tasks, commits, strict=True)]
