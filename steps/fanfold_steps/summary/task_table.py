"""What each committed task of a job did, in a table: kept while a job runs, and as `tasks.json` for afterwards.

A page of a job's tasks must not cost a read of every commit. `finish` writes the table of a job that succeeded into its
tree; whoever ends any other job does so for it.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shortened
from fanfold_steps.summary.heavy_keys import HeavyKeys
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import TASKS_KEY, JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed, read_as
from fanfold_storage.errors import NotFound

MOST_TASKS = 100_000  # of a job; the others are counted, but not told one by one
MOST_KEYS = 16  # of a commit
LONGEST_KEY, LONGEST_NAME = 100, 100  # characters
Step = tuple[int, str]
"""A stage's number, and the name of a step."""
HeavyKey = tuple[str, int]
"""A key as it is shown, and the partition that it is in."""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What a committed task did: by `worker` on `host`, from `started` (Unix seconds) on, in so many attempts."""

    index: int
    worker: str = ""
    host: str = ""
    attempts: int = 1
    started: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    records: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    spills: int = 0
    spilled: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, index: int, commit: Commit) -> "TaskRecord":
        """The record of a task, from its commit, whose names may have any length."""
        return cls(
            index=index,
            worker=_name(commit.worker),
            host=_name(commit.host),
            attempts=commit.attempts,
            started=commit.started,
            seconds=commit.seconds,
            cpu_seconds=commit.cpu_seconds,
            records=commit.records,
            bytes_in=commit.read,
            bytes_out=commit.bytes,
            spills=commit.spills,
            spilled=commit.spilled,
            skipped=commit.skipped.count if commit.skipped else 0,
        )


@dataclass(slots=True)
class TaskTable:
    """The committed tasks of a job by step, and the heaviest keys of each stage."""

    records: dict[Step, dict[int, TaskRecord]] = field(default_factory=dict)
    heavy: dict[int, HeavyKeys[HeavyKey]] = field(default_factory=dict)
    left_out: int = 0
    """How many committed tasks aren't in the table, because there are too many."""
    _count: int = 0

    def add(self, task: Task, commit: Commit) -> None:
        """Add a committed task."""
        if self._count >= MOST_TASKS:
            self.left_out += 1
            return
        self._count += 1
        self.records.setdefault((task.stage, task.step), {})[task.index] = TaskRecord.of(task.index, commit)
        if weights := commit.weights:
            counted = {(shortened(one.key, LONGEST_KEY), one.partition): one.values for one in weights.keys[:MOST_KEYS]}
            self.heavy.setdefault(task.stage, HeavyKeys()).add(counted, weights.values, weights.missed)

    def copy(self) -> "TaskTable":
        """The table as it is now, while another thread goes on adding to this one: dicts are copied in one step."""
        records = {step: found.copy() for step, found in self.records.copy().items()}
        heavy = {stage: replace(found, counts=found.counts.copy()) for stage, found in self.heavy.copy().items()}
        return TaskTable(records, heavy, self.left_out, self._count)

    def of_step(self, stage: int, step: str) -> dict[int, TaskRecord]:
        """The tasks of a step, by index."""
        return self.records.get((stage, step), {})

    def to_json(self) -> dict[str, Any]:
        """The content of `tasks.json`: columns, since there may be many tasks."""
        return {
            "steps": [
                {"stage": stage, "step": step, "columns": _columns(list(records.values()))}
                for (stage, step), records in self.records.items()
            ],
            "heavy": [
                {
                    "stage": stage,
                    "values": heavy.values,
                    "missed": heavy.missed,
                    "keys": [{"key": key, "partition": part, "values": n} for (key, part), n in heavy.counts.items()],
                }
                for stage, heavy in self.heavy.items()
            ],
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, data: object, url: str) -> "TaskTable":
        """The table in the file at `url`. Raises Malformed."""
        read = read_as(_Table, data, url)
        table = cls(left_out=read.left_out)
        for step in read.steps:
            records = [TaskRecord(**values) for values in step.columns.rows(url)]
            table.records[step.stage, step.step] = {record.index: record for record in records}
        for stage in read.heavy:
            counts = {(shortened(one.key, LONGEST_KEY), one.partition): one.values for one in stage.keys}
            heavy = table.heavy[stage.stage] = HeavyKeys()
            heavy.add(counts, stage.values, stage.missed)
        return table


@dataclass(frozen=True, slots=True)
class _Columns:
    """The fields of `TaskRecord`, of all tasks of a step."""

    index: tuple[int, ...]
    worker: tuple[str, ...]
    host: tuple[str, ...]
    attempts: tuple[int, ...]
    started: tuple[float, ...]
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    records: tuple[int, ...]
    bytes_in: tuple[int, ...]
    bytes_out: tuple[int, ...]
    spills: tuple[int, ...]
    spilled: tuple[int, ...]
    skipped: tuple[int, ...]

    def rows(self, url: str) -> Iterator[dict[str, Any]]:
        """The fields of one task after the other. Raises Malformed: the columns have different lengths."""
        names = [column.name for column in fields(self)]
        try:
            for values in zip(*(getattr(self, name) for name in names), strict=True):
                yield dict(zip(names, values, strict=True))
        except ValueError:
            raise Malformed("tree", f"{url} has columns of different lengths: something else changed it") from None


@dataclass(frozen=True, slots=True)
class _StepColumns:
    stage: int
    step: str
    columns: _Columns


@dataclass(frozen=True, slots=True)
class _Key:
    key: str
    partition: int
    values: int


@dataclass(frozen=True, slots=True)
class _StageKeys:
    stage: int
    values: int
    missed: int
    keys: tuple[_Key, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    steps: tuple[_StepColumns, ...]
    heavy: tuple[_StageKeys, ...]
    left_out: int = 0


def table_of_commits(tree: JobTree, steps: Iterable[tuple[int, str, int]]) -> TaskTable:
    """The table of a tree in which there is none, from its commits; so many of them as a table holds.

    Args:
        tree: the job's tree.
        steps: each step's stage and name, and how many tasks it has.

    Raises:
        StorageError: the store is unavailable.
    """
    table = TaskTable()
    tasks = (
        Task(stage, step, index)
        for stage, step, count in steps
        for index in tree.committed(stage, step)
        if index < count
    )
    with suppress(Malformed):  # too many strays: what was read so far counts
        for task in islice(tasks, MOST_TASKS):
            with suppress(PermanentFailure, NotFound):
                table.add(task, tree.commit_of(task))
    table.left_out += sum(1 for _ in islice(tasks, MOST_TASKS))
    return table


def write_table(tree: JobTree, table: TaskTable) -> None:
    """Write the table into a tree, over one that is there. Raises StorageError."""
    with around("finish.tasks"):
        tree.put(TASKS_KEY, table.to_json())


def find_table(tree: JobTree) -> TaskTable | None:
    """The table in a tree; None if there is none. Raises Malformed, StorageError."""
    content = tree.find(TASKS_KEY)
    return None if content is None else TaskTable.from_json(content, tree.url(TASKS_KEY))


def _columns(records: Sequence[TaskRecord]) -> dict[str, list[Any]]:
    return {column.name: [getattr(record, column.name) for record in records] for column in fields(TaskRecord)}


def _name(text: str) -> str:
    return sys.intern(shortened(text, LONGEST_NAME))
