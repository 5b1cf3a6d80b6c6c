"""A stage, as a worker does its tasks: what each reads, what runs over it, where the records go."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter
from typing import Any

from fanfold_steps.aside import Aside
from fanfold_steps.batches import Batch, Batches, FileBatches, StageBatches
from fanfold_steps.budget import Budget
from fanfold_steps.code import Code
from fanfold_steps.counters import added
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.formats import LineRecords
from fanfold_steps.inputs import input_specs
from fanfold_steps.map import Mapped, MapTask
from fanfold_steps.mappers import Mapper
from fanfold_steps.named_outputs import NamedOutputs
from fanfold_steps.plan import Plan, Tasks
from fanfold_steps.policy import Skip
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.programs.batches import Anew, ProgramBatches
from fanfold_steps.programs.environment import of_task
from fanfold_steps.programs.grouping import lines_of, together
from fanfold_steps.quarantine import Quarantine, demand_few
from fanfold_steps.reduce import ReduceTask
from fanfold_steps.scratch import Scratch
from fanfold_steps.shuffle import ShuffleTask, members
from fanfold_steps.sinks import Parts, Runs, Sink
from fanfold_steps.spec import InputSpec, Program
from fanfold_steps.tasks import ReadSegment, map_runner, mapper_of, reduce_runner
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
        self._map = (
            map_runner(spec, self.tasks["reduce"], code, budget, self._boundaries) if "reduce" in self.tasks else None
        )
        output = plan.spec.output if self.is_last else None
        self._reduce = reduce_runner(spec, self._segments, code, budget, output)
        parts = Parts(around.output, plan.spec.output, code.root, budget) if self.is_last else None
        self._sink: Sink = parts or Runs(around.tree.objects, budget)
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
        if task.step == "shuffle" or (task.step == "map" and self._map):
            self._tree.objects.delete(task.run(record["attempt"]))
        else:
            self._sink.drop(task, record)
        if self._named:
            self._named.drop(task, record)

    def _run_map(self, task: Task, attempt: str, aside: Aside | None) -> dict[str, Any]:
        batches, mapper = self._batches(task.index)
        if aside and isinstance(mapper, Mapper):
            mapper = replace(mapper, aside=aside)
        program = mapper.program if isinstance(mapper, Mapper) else None
        if program or isinstance(self._spec.reduce, Program):
            return self._run_programs(task, attempt, batches, mapper)
        if self._map:
            return self._map.run(mapper, batches, self._tree.objects, task.run(attempt))
        mapped = Mapped(mapper, batches, self._code)
        written = self._sink.write(task, attempt, mapped, "mapper")
        told = {"records": mapped.records, "read": batches.size, "counters": mapped.counters}
        return {**written, **told, **self._stored(mapped.quarantine, task, attempt)}

    def _run_programs(self, task: Task, attempt: str, batches: Batches, mapper: Mapper) -> dict[str, Any]:
        """Map for a program, or by one."""
        programs, program = self._begin(task, attempt), mapper.program
        lines = lines_of(self._spec, program, programs)
        mapped = ProgramBatches(programs, program, batches, as_lines=lines is not None) if program else None
        if isinstance(self._map, MapTask):
            record = self._map.run(
                mapper, mapped or Anew(programs, batches), self._tree.objects, task.run(attempt), lines
            )
        else:
            assert mapped
            record = self._sink.write(task, attempt, LineRecords(mapped.blocks()), "mapper")
        read = {"records": mapped.records} if mapped else {}
        counters = added([record.get("counters", {}), programs.counters()])
        return {**record, **read, "read": batches.size, "counters": counters}

    def _run_shuffle(self, task: Task, attempt: str, aside: Aside | None) -> dict[str, Any]:
        maps = self._all("map")
        merged = [maps[index] for index in members(task.index, len(maps))]
        found = _runs_of(merged, self._tree.commits_of(merged))
        return ShuffleTask(self._spec, self._budget).run(found, self._tree.objects, task.run(attempt))

    def _run_reduce(self, task: Task, attempt: str, aside: Aside | None) -> dict[str, Any]:
        if isinstance(self._spec.reduce, Program):
            return self._reduce_by_program(task, attempt, self._spec.reduce)
        context, quarantine = self._code.context(), self._code.quarantine()
        records = self._reduce.records(task.index, context, quarantine)
        written = self._sink.write(task, attempt, aside.without(records) if aside else records, "reducer")
        return {**written, "counters": context.counters(), **self._stored(quarantine, task, attempt)}

    def _stored(self, quarantine: Quarantine | None, task: Task, attempt: str) -> dict[str, Any]:
        return quarantine.store(self._tree.objects, task.run(attempt)) if quarantine else {}

    def _reduce_by_program(self, task: Task, attempt: str, program: Program) -> dict[str, Any]:
        assert isinstance(self._reduce, ReduceTask)
        programs = self._begin(task, attempt)
        lines = programs.lines("reducer", program, together(map(itemgetter(1), self._reduce.merged(task.index))))
        return {**self._sink.write(task, attempt, LineRecords(lines), "reducer"), "counters": programs.counters()}

    def _begin(self, task: Task, attempt: str) -> Programs:
        environment = of_task(self._code.conf, task, attempt, self.tasks)
        return Programs(self._code.context, environment, self._code.files)

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

    def _segments(self, partition: int, read: ReadSegment) -> list[Iterator[Any]]:
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
