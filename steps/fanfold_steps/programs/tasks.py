"""Tasks of programs: what one maps, or maps for one, and what one reduces."""

from collections.abc import Callable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

from fanfold_steps.batches import Batches
from fanfold_steps.budget import Budget
from fanfold_steps.code import Code
from fanfold_steps.context import Context
from fanfold_steps.counters import added
from fanfold_steps.formats import LineRecords
from fanfold_steps.map import MapTask
from fanfold_steps.mappers import Mapper
from fanfold_steps.merge import Segment, merge
from fanfold_steps.plan import Tasks
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.programs.batches import Anew, ProgramBatches
from fanfold_steps.programs.environment import of_task
from fanfold_steps.programs.grouping import lines_of, together
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.scratch import Scratch
from fanfold_steps.sinks import Sink
from fanfold_steps.spec import Program, StageSpec
from fanfold_steps.tree import Task
from fanfold_storage.objects import Objects


class ProgramMapTask:
    """The map step where the mapper is a program, or the reducer, or both.

    `grouped` takes in what goes to a reducer; without one, what the program writes goes to the sink.
    """

    def __init__(self, stage: StageSpec, start: "Start", grouped: MapTask | None, sink: Sink, objects: Objects) -> None:
        self._stage = stage
        self._start = start
        self._grouped = grouped
        self._sink = sink
        self._objects = objects

    def run(self, mapper: Mapper, batches: Batches, task: Task, attempt: str) -> dict[str, Any]:
        """Map what a task reads and write it where it belongs; returns what the commit records.

        Raises:
            PermanentFailure: a program ended badly, or the user's code raised.
        """
        programs, program = self._start.of(task, attempt), mapper.program
        lines = lines_of(self._stage, program, programs)
        mapped = ProgramBatches(programs, program, batches, as_lines=lines is not None) if program else None
        if self._grouped:
            read: Batches = mapped or Anew(programs, batches)
            record = self._grouped.run(mapper, read, self._objects, task.run(attempt), lines)
        else:
            assert mapped
            record = self._sink.write(task, attempt, LineRecords(mapped.blocks()), "mapper")
        records = {"records": mapped.records} if mapped else {}
        counters = added([record.get("counters", {}), programs.counters()])
        return {**record, **records, "read": batches.size, "counters": counters}


class ProgramReduceTask:
    """The reduce step where the reducer is a program."""

    def __init__(
        self, program: Program, start: "Start", segments: Callable[[int], list[Segment]], budget: Budget
    ) -> None:
        self._program = program
        self._start = start
        self._segments = segments
        self._budget = budget

    def records(self, task: Task, attempt: str, context: Context, quarantine: Quarantine | None) -> LineRecords:
        """The lines that it writes for a partition's, those of a key in input order; counted in `context`."""
        programs = self._start.of(task, attempt, lambda: context)
        return LineRecords(programs.lines("reducer", self._program, together(self._lines(task.index))))

    def _lines(self, partition: int) -> Iterator[bytes]:
        with Scratch() as scratch:
            merged = merge(self._segments(partition), scratch, self._budget)
            yield from map(itemgetter(1), chain.from_iterable(merged))


class Start:
    """Readies the programs of attempts at a stage's tasks."""

    def __init__(self, code: Code, tasks: Tasks) -> None:
        self._code = code
        self._tasks = tasks

    def of(self, task: Task, attempt: str, new_context: Callable[[], Context] | None = None) -> Programs:
        """Those of one attempt; what they count and log goes to `new_context`'s."""
        environment = of_task(self._code.conf, task, attempt, self._tasks)
        return Programs(new_context or self._code.context, environment, self._code.files)
