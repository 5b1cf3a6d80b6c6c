"""What the tasks of a stage read: a map task batches of records, a reduce task its segment of every run."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from fanfold_steps.inputs.batches import Batch, Batches, FileBatches
from fanfold_steps.inputs.samples import file_batches
from fanfold_steps.memory.budget import Budget
from fanfold_steps.outputs.between_stages import StageBatches, stage_batches
from fanfold_steps.outputs.quarantine import demand_few
from fanfold_steps.stage.total_order import find_boundaries
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.plan import Plan, members
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.ways import inputs_of
from fanfold_storage.objects import Objects
from fanfold_storage.urls import open_objects

Segment = TypeVar("Segment")
ReadSegment = Callable[[Objects, str, int, int], Segment]
"""Reads one partition's segment of a run. Arguments: store, the run's key, its size in bytes, the partition."""
Sample = Iterable[tuple[str, Batch]]
"""Batches of records from all over the input, each with the name of its input."""
Weigh = Callable[[Sample], Mapping[bytes, int]]
"""Maps a sample; returns each key with how often it was seen."""


class _MeteredRun:
    """A store from which one run is read, with the bytes of its segments counted. Its footer, its last bytes, isn't."""

    def __init__(self, objects: Objects, size: int, on_read: Callable[[int], None]) -> None:
        self._objects, self._size, self._on_read = objects, size, on_read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """As the store's own."""
        for chunk in self._objects.read(key, start, stop):
            if stop != self._size:
                self._on_read(len(chunk))
            yield chunk


class StageInputs:
    """What one stage reads. Nothing is read before it is requested."""

    def __init__(self, plan: Plan, stage: int, tree: JobTree, budget: Budget) -> None:
        self._plan = plan
        self._stage = stage
        self._tree = tree
        self._budget = budget
        self._formats = {name: one.format for name, one in inputs_of(plan.spec, stage).items()}
        self._open = cache(open_objects)
        self._runs: list[tuple[str, int]] = []
        self._boundaries: list[bytes] | None = None
        self.read = 0
        """How many bytes of segments were read so far."""

    def input_of(self, task: Task) -> str:
        """The name of the input that a map task reads; '' if the input has no name, or the stage isn't the first."""
        return "" if self._stage else self._plan.files[self._plan.splits[task.index][0][0]].input

    def batches(self, task: Task) -> Batches:
        """The batches that a map task reads."""
        if self._stage:
            return StageBatches(self._tree, self._plan.tasks_of(self._stage - 1)[task.index])
        declared, split = self._formats[self.input_of(task)], self._plan.splits[task.index]
        return FileBatches(self._plan.files, split, declared, self._open, self._budget.piece, self._budget.longest)

    def boundaries(self, weigh: Weigh) -> list[bytes]:
        """The keys at which partitions begin in a total order, for each partition but the first.

        The first map task of any worker finds them, from a sample that it maps with `weigh`.
        """
        if self._boundaries is None:
            partitions = self._plan.tasks[self._stage]["reduce"]
            self._boundaries = find_boundaries(
                self._tree, self._stage, partitions, lambda fineness: weigh(self.sample(fineness))
            )
        return self._boundaries

    def sample(self, fineness: int) -> Iterator[tuple[str, Batch]]:
        """Batches from positions that follow from the input alone; a fineness of 0 reads least."""
        if self._stage:
            for batch in stage_batches(self._tree, self._plan.tasks_of(self._stage - 1)):
                yield "", batch
        else:
            yield from file_batches(self._plan.files, self._formats, self._open, fineness)

    def segments(self, read: ReadSegment[Segment], partition: int) -> list[Segment]:
        """A partition's segments of all runs, opened by `read`, in the order of the map tasks, which is input order.

        Raises:
            PermanentFailure: too many records were skipped.
        """
        self._runs = self._runs or self._committed_runs()
        return [read(self._metered(size), key, size, partition) for key, size in self._runs]

    def _metered(self, size: int) -> Objects:
        return cast(Objects, _MeteredRun(self._tree.objects, size, self._on_read))

    def _on_read(self, count: int) -> None:
        self.read += count

    def group(self, task: Task) -> list[tuple[str, int]]:
        """Key and size of the runs that a shuffle task merges."""
        maps = self._tasks("map")
        merged = [maps[index] for index in members(task.index, len(maps))]
        return _runs(merged, self._tree.commits_of(merged))

    def _committed_runs(self) -> list[tuple[str, int]]:
        """Key and size of each map task's run; if the runs were shuffled, of each shuffle task's."""
        step = "shuffle" if "shuffle" in self._plan.tasks[self._stage] else "map"
        tasks = self._tasks(step)
        commits = self._tree.commits_of(tasks)
        if self._plan.skips:
            maps = commits if step == "map" else self._tree.commits_of(self._tasks("map"))
            demand_few(self._plan.spec.on_error, maps, "records")
        return _runs(tasks, commits)

    def _tasks(self, step: str) -> list[Task]:
        return [Task(self._stage, step, index) for index in range(self._plan.tasks[self._stage][step])]


def _runs(tasks: list[Task], commits: list[Commit]) -> list[tuple[str, int]]:
    return [(task.run(commit.attempt), commit.bytes) for task, commit in zip(tasks, commits, strict=True)]
