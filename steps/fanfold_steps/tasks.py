"""What does a stage's tasks: by records, or by columns if its mapper is one of batches: only then Polars is loaded."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from fanfold_steps import runs
from fanfold_steps.batches import Batches
from fanfold_steps.budget import Budget
from fanfold_steps.code import Code
from fanfold_steps.context import Context
from fanfold_steps.formats.declared import OutputFormat, Text
from fanfold_steps.frames import load_polars
from fanfold_steps.lines.runs import read_segments
from fanfold_steps.lines.tasks import LineMapTask, LineReduceTask, Ranges
from fanfold_steps.map import MapTask
from fanfold_steps.mappers import Mapper
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.reduce import ReduceTask
from fanfold_steps.spec import Batch, Function, Program, SortLines, StageSpec
from fanfold_steps.total_order import Weigh
from fanfold_storage.objects import Objects

ReadSegment = Callable[[Objects, str, int, int], Iterator[Any]]
"""Reads one partition's segment of a run: store, key, size, partition."""
Segments = Callable[[int, ReadSegment], list[Iterator[Any]]]
"""Opens a partition's segments of all maps."""


class MapRunner(Protocol):
    """The map step of a stage that has a reducer."""

    def run(self, mapper: Any, batches: Batches, objects: Objects, key: str) -> dict[str, Any]:
        """Map what a task reads and write its run; returns what the commit records. Raises PermanentFailure."""


class ReduceRunner(Protocol):
    """The reduce step of a stage."""

    def records(self, partition: int, context: Context, quarantine: Quarantine | None = None) -> Iterable[Any]:
        """What a partition reduces to. Raises PermanentFailure."""


def mapper_of(spec: Function | Program | Batch | None, code: Code) -> Any:
    """What the map step takes for a mapper. Raises PermanentFailure."""
    if not isinstance(spec, Batch):
        return Mapper.of(spec, code)
    load_polars("batches")
    from fanfold_steps.columnar.map import FrameMapper

    return FrameMapper.of(spec, code)


def map_runner(
    stage: StageSpec, partitions: int, code: Code, budget: Budget, boundaries: Callable[[Weigh], list[bytes]]
) -> MapRunner:
    """What maps the splits of a stage that has a reducer; `boundaries` settles those of a total order."""
    if isinstance(stage.reduce, SortLines):
        map_lines, _ = _line_steps(stage.reduce)
        return map_lines(Ranges(partitions, boundaries), budget)
    if not isinstance(stage.map, Batch):
        return MapTask(stage, partitions, code, budget, boundaries)
    load_polars("batches")
    from fanfold_steps.columnar.map import FrameMapTask

    return FrameMapTask(stage, partitions, budget)


def reduce_runner(
    stage: StageSpec, segments: Segments, code: Code, budget: Budget, output: OutputFormat | None
) -> ReduceRunner:
    """What reduces the partitions of a stage; `output` is the format of its parts if it is the last."""
    if isinstance(stage.reduce, SortLines):
        _, reduce_lines = _line_steps(stage.reduce)
        return reduce_lines(lambda partition: segments(partition, read_segments), budget)
    if not isinstance(stage.map, Batch):
        return ReduceTask(stage, lambda partition: segments(partition, runs.read_blocks), code, budget)
    load_polars("batches")
    from fanfold_steps.columnar.reduce import FrameReduceTask
    from fanfold_steps.columnar.segments import read_segment

    as_text = isinstance(output, Text)
    return FrameReduceTask(stage, lambda partition: segments(partition, read_segment), budget, as_text=as_text)


def _line_steps(spec: SortLines) -> tuple[Callable[[Ranges, Budget], MapRunner], Callable[..., ReduceRunner]]:
    if spec.sort == "lines":
        return LineMapTask, LineReduceTask
    load_polars("sorts planned by columns")
    from fanfold_steps.lines.by_columns import ScatterTask, SortTask

    return ScatterTask, SortTask
