"""A stage, as a worker does its tasks: each in an attempt, whose records go to the stage's sink."""

import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import LineRecords
from fanfold_steps.job.formats import Text
from fanfold_steps.memory.budget import Budget
from fanfold_steps.memory.scratch import Scratch, counted_spills
from fanfold_steps.outputs.between_stages import StageRunWriter
from fanfold_steps.outputs.named import NamedOutputs
from fanfold_steps.outputs.parts import PartWriter, Sink
from fanfold_steps.outputs.side_records import NamedRecords
from fanfold_steps.outputs.to import UnknownOutput
from fanfold_steps.records.shuffle import ShuffleStep
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tasks.steps import map_step, reduce_step
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.counted_before import counted_before
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import Plan, Tasks
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.ways import inputs_of
from fanfold_steps.user_code.loading import Code
from fanfold_storage.objects import Objects


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a worker's stages share: the job tree, the store of the output, the user's code, the memory budget."""

    tree: JobTree
    output: Objects
    code: Code
    budget: Budget
    on_spill: Callable[[int], None] = lambda times: None
    """Called when a task writes to disk for lack of memory, with how often it has done so."""


class Stage:
    """One stage of a plan, with its code loaded and checked."""

    def __init__(self, plan: Plan, index: int, worker: WorkerContext) -> None:
        code, budget, spec = worker.code, worker.budget, plan.spec
        self.index = index
        self.tasks: Tasks = plan.tasks[index]
        self.is_last = index == len(plan.tasks) - 1
        self._code = code
        self._tree = worker.tree
        self._budget = budget
        self._on_spill = worker.on_spill
        self._inputs = StageInputs(plan, index, worker.tree, budget)
        parts = PartWriter(worker.output, spec.output, code.root, budget) if self.is_last else None
        self._sink: Sink = parts or StageRunWriter(worker.tree, budget)
        as_text = self.is_last and isinstance(spec.output, Text)
        ways, inputs = plan.ways[index], inputs_of(spec, index)
        setup = StageSetup(
            spec.stages[index], self.tasks, inputs, code, budget, self._sink, writes_text=as_text, columns=ways.columns
        )
        steps = {way: map_step(way, setup) for way in dict.fromkeys(ways.map.values())}
        self._map_of_input = {name: steps[way] for name, way in ways.map.items()}
        self._shuffle = ShuffleStep(setup)
        self._reduce = reduce_step(ways.reduce, setup) if ways.reduce else None
        self._counted_before = cache(partial(counted_before, worker.tree, plan, index))
        has_named = bool(spec.outputs)
        self._named = NamedOutputs(plan, worker.tree, worker.output, code.root, budget) if has_named else None

    def run(self, task: Task, name: str) -> Commit:
        """Do a task of this stage in an attempt called `name`. Raises PermanentFailure, StorageError."""
        began, started, computed, read = time.time(), time.monotonic(), _cpu_seconds(), self._inputs.read
        is_first = task.stage == 0 and task.step != "reduce"
        self._code.counted_before = None if is_first else partial(self._counted_before, task.step)
        kind = "mapper" if task.step == "map" else "reducer"
        with counted_spills(self._on_spill) as spilled, Scratch() as scratch:
            side_records = NamedRecords(self._named.names, scratch, self._budget) if self._named else None
            attempt = Attempt(task, name, self._code, self._tree, side_records)
            try:
                commit = self._run_step(attempt)
            except UnknownOutput as error:
                raise PermanentFailure(kind, str(error)) from error
            if self._named and side_records:
                commit = self._named.write(task, commit, side_records, kind)
        return replace(
            commit,
            read=commit.read or self._inputs.read - read,
            started=round(began, 3),
            seconds=round(time.monotonic() - started, 3),
            cpu_seconds=round(_cpu_seconds() - computed, 3),
            spills=spilled.times,
            spilled=spilled.bytes,
        )

    def drop(self, task: Task, commit: Commit) -> None:
        """Remove what an attempt wrote, because another attempt counts."""
        if commit.skipped:
            for key in filter(None, (commit.skipped.key, commit.skipped.kept)):
                self._tree.objects.delete(key)
        if task.step != list(self.tasks)[-1]:
            self._tree.objects.delete(task.run(commit.attempt))
        else:
            self._sink.drop(task, commit)
        if self._named:
            self._named.drop(task, commit)

    def _run_step(self, attempt: Attempt) -> Commit:
        if attempt.task.step == "map":
            return self._map_of_input[self._inputs.input_of(attempt.task)].run(attempt, self._inputs)
        if attempt.task.step == "shuffle":
            group = self._inputs.group(attempt.task)
            merged = self._shuffle.run(group, self._tree, attempt.run)
            return attempt.commit(merged, read=sum(size for _, size in group))
        assert self._reduce
        records: Iterable[Any] = self._reduce.records(attempt, self._inputs)
        if attempt.side_records and not isinstance(records, LineRecords):  # lines are never for a named output
            records = attempt.side_records.without(records)
        return attempt.commit(self._sink.write(attempt.task, attempt.name, records, "reducer"))


def _cpu_seconds() -> float:
    """How long this process, and those that it has started and waited for, have computed."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
