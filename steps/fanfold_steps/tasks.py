"""What does a stage's tasks: by records, lines or programs, or by columns: only then Polars is loaded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from fanfold_steps import runs
from fanfold_steps.batches import Batches
from fanfold_steps.budget import Budget
from fanfold_steps.code import Code
from fanfold_steps.context import Context
from fanfold_steps.frames import load_polars
from fanfold_steps.lines.runs import read_segments
from fanfold_steps.lines.tasks import LineMapTask, LineReduceTask, Ranges
from fanfold_steps.map import MapTask
from fanfold_steps.map_only import MapOnlyTask
from fanfold_steps.mappers import Mapper
from fanfold_steps.plan import Tasks
from fanfold_steps.programs.tasks import ProgramMapTask, ProgramReduceTask, Start
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.reduce import ReduceTask
from fanfold_steps.sinks import Sink
from fanfold_steps.spec import Batch, Function, Program, SortLines, StageSpec
from fanfold_steps.total_order import Weigh
from fanfold_steps.tree import Task
from fanfold_storage.objects import Objects

ReadSegment = Callable[[Objects, str, int, int], Iterator[Any]]
"""Reads one partition's segment of a run: store, key, size, partition."""
RunMap = Callable[[Any, Batches, Task, str], dict[str, Any]]
"""Maps, with a mapper, what a task reads, in an attempt; returns what the commit records."""
RunReduce = Callable[[Task, str, Context, Quarantine | None], Iterable[Any]]
"""The records that a task's partition reduces to, in an attempt."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a stage's tasks are done with."""

    stage: StageSpec
    tasks: Tasks
    code: Code
    budget: Budget
    objects: Objects
    """The job's tree."""
    sink: Sink
    boundaries: Callable[[Weigh], list[bytes]]
    """Settles those of a total order."""
    segments: Callable[[ReadSegment, int], list[Iterator[Any]]]
    """Opens a partition's segments of all maps."""
    as_text: bool
    """Whether the stage writes parts of text."""

    @property
    def start(self) -> Start:
        """What readies programs."""
        return Start(self.code, self.tasks)


def mapper_of(spec: Function | Program | Batch | None, code: Code) -> Any:
    """What the map step takes for a mapper. Raises PermanentFailure."""
    if not isinstance(spec, Batch):
        return Mapper.of(spec, code)
    load_polars("batches")
    from fanfold_steps.columnar.map import FrameMapper

    return FrameMapper.of(spec, code)


def map_runner(means: Means) -> RunMap:
    """What maps a stage's splits. Raises PermanentFailure."""
    stage, partitions = means.stage, means.tasks.get("reduce", 0)
    if isinstance(stage.reduce, SortLines):
        map_lines, _ = _line_steps(stage.reduce)
        return _into_run(map_lines(Ranges(partitions, means.boundaries), means.budget), means.objects)
    if isinstance(stage.map, Batch):
        load_polars("batches")
        from fanfold_steps.columnar.map import FrameMapTask

        return _into_run(FrameMapTask(stage, partitions, means.budget), means.objects)
    return _by_records(means, partitions)


def reduce_runner(means: Means) -> RunReduce:
    """What reduces a stage's partitions. Raises PermanentFailure."""
    stage, segments, budget = means.stage, means.segments, means.budget
    if isinstance(stage.reduce, SortLines):
        _, reduce_lines = _line_steps(stage.reduce)
        return _of_partition(reduce_lines(partial(segments, read_segments), budget))
    if isinstance(stage.map, Batch):
        load_polars("batches")
        from fanfold_steps.columnar.reduce import FrameReduceTask
        from fanfold_steps.columnar.segments import read_segment

        return _of_partition(FrameReduceTask(stage, partial(segments, read_segment), budget, as_text=means.as_text))
    if isinstance(stage.reduce, Program):
        return ProgramReduceTask(stage.reduce, means.start, partial(segments, runs.read_blocks), budget).records
    return _of_partition(ReduceTask(stage, partial(segments, runs.read_blocks), means.code, budget))


class _WritesRun(Protocol):
    def run(self, mapper: Any, batches: Batches, objects: Objects, key: str) -> dict[str, Any]:
        """Map what a task reads and write its run; returns what the commit records. Raises PermanentFailure."""


class _ReducesPartition(Protocol):
    def records(self, partition: int, context: Context, quarantine: Quarantine | None = None) -> Iterable[Any]:
        """What a partition reduces to. Raises PermanentFailure."""


def _into_run(maps: _WritesRun, objects: Objects) -> RunMap:
    return lambda mapper, batches, task, attempt: maps.run(mapper, batches, objects, task.run(attempt))


def _of_partition(reduces: _ReducesPartition) -> RunReduce:
    return lambda task, attempt, context, quarantine: reduces.records(task.index, context, quarantine)


def _by_records(means: Means, partitions: int) -> RunMap:
    """Each input may have a mapper of its own, so whether a program maps is seen task by task."""
    stage, code, objects = means.stage, means.code, means.objects
    grouped = MapTask(stage, partitions, code, means.budget, means.boundaries) if partitions else None
    by_function = _into_run(grouped, objects) if grouped else MapOnlyTask(code, means.sink, objects).run
    by_program = ProgramMapTask(stage, means.start, grouped, means.sink, objects).run

    def run(mapper: Mapper, batches: Batches, task: Task, attempt: str) -> dict[str, Any]:
        has_program = mapper.program or isinstance(stage.reduce, Program)
        return (by_program if has_program else by_function)(mapper, batches, task, attempt)

    return run


def _line_steps(spec: SortLines) -> tuple[Callable[[Ranges, Budget], _WritesRun], Callable[..., _ReducesPartition]]:
    if spec.sort == "lines":
        return LineMapTask, LineReduceTask
    load_polars("sorts planned by columns")
    from fanfold_steps.lines.by_columns import ScatterTask, SortTask

    return ScatterTask, SortTask
