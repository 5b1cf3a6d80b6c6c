"""A job's tasks in pages: filtered, sorted, and each with what is known of it.

There may be millions of tasks that nobody has begun, so these are never listed as a whole: they follow in order, as
many as a page has room for.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import Literal, NamedTuple

from fanfold_steps.summary.task_table import TaskRecord, TaskTable
from fanfold_steps.summary.workers import AtWork
from fanfold_steps.tree.task import Task

State = Literal["waiting", "running", "committed", "failed"]
Sort = Literal["seconds", "records", "bytes", "index"]
_CURSOR = re.compile(r"(-|\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?)_(\d{1,9})_([a-z]{1,9})_(\d{1,9})")


class InvalidCursor(ValueError):
    """A cursor that no page returned."""


class StepTasks(NamedTuple):
    """A step of a stage, and how many tasks it has."""

    stage: int
    step: str
    tasks: int


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task. `seconds` is how long its attempt took or, while it runs, has been running; None if it hasn't begun."""

    stage: int
    step: str
    index: int
    state: State
    worker: str = ""
    host: str = ""
    attempts: int = 0
    records: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    started: float | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    spills: int = 0
    spilled: int = 0
    skipped: int = 0
    status: str = ""

    @property
    def name(self) -> str:
        """As in messages: `map/12`; with the stage before it in all but the first."""
        return f"{self.step}/{self.index}" if self.stage == 0 else f"{self.stage}/{self.step}/{self.index}"


@dataclass(frozen=True, slots=True)
class JobTasks:
    """What is known of a job's tasks: its steps in order, the committed tasks, the workers, the task that failed."""

    steps: Sequence[StepTasks]
    table: TaskTable
    workers: Sequence[AtWork] = ()
    failed: Task | None = None

    def others(self) -> dict[Task, TaskState]:
        """The tasks that were begun and aren't committed: no more than there are workers, and the one that failed."""
        found: dict[Task, TaskState] = {}
        for worker in sorted(self.workers, key=lambda worker: worker.since):  # whoever began it last
            if worker.task and self._is_open(worker.task):
                found[worker.task] = _running(worker.task, worker)
        if self.failed and self._is_open(self.failed):
            found[self.failed] = TaskState(self.failed.stage, self.failed.step, self.failed.index, "failed", attempts=1)
        return found

    def state_of(self, step: StepTasks, index: int, others: Mapping[Task, TaskState]) -> TaskState:
        """A task as it is."""
        record = self.table.of_step(step.stage, step.step).get(index)
        if record:
            return _committed(step, record)
        other = others.get(Task(step.stage, step.step, index))
        return other or TaskState(step.stage, step.step, index, "waiting")

    def _is_open(self, task: Task) -> bool:
        exists = any((task.stage, task.step) == step[:2] and 0 <= task.index < step.tasks for step in self.steps)
        return exists and task.index not in self.table.of_step(task.stage, task.step)


@dataclass(frozen=True, slots=True)
class Query:
    """Which tasks, in which order: the largest first, or by index."""

    stage: int | None = None
    step: str | None = None
    state: State | None = None
    sort: Sort = "seconds"
    limit: int = 50
    cursor: str = ""

    def page(self, tasks: JobTasks) -> "TaskPage":
        """A page of a job's tasks. Raises InvalidCursor."""
        steps = [one for one in tasks.steps if self.stage in (None, one.stage) and self.step in (None, one.step)]
        chosen = _Chosen(self, JobTasks(steps, tasks.table, tasks.workers, tasks.failed))
        after = _after(self.cursor, {step[:2]: place for place, step in enumerate(steps)})
        ordered = chosen.by_index(after) if self.sort == "index" else chosen.by_size(after)
        items = list(islice(ordered, self.limit))
        more = next(ordered, None) is not None
        return TaskPage(items, self._cursor(items[-1]) if items and more else None)

    def value_of(self, task: TaskRecord | TaskState) -> float:
        """What a task that was begun is sorted by."""
        if self.sort == "seconds":
            return max(0.0, task.seconds or 0.0)
        return max(0, task.records if self.sort == "records" else max(task.bytes_in, task.bytes_out))

    def _cursor(self, task: TaskState) -> str:
        value = "-" if task.state == "waiting" and self.sort != "index" else self.value_of(task)
        return f"{value}_{task.stage}_{task.step}_{task.index}"


_Key = tuple[float, int, int]
"""By which tasks are sorted: their value, negative; the place of their step; their index."""


class _Chosen:
    """The tasks of some steps, as a query wants them. Only those that are asked for are made."""

    def __init__(self, query: Query, tasks: JobTasks) -> None:
        self._query, self._tasks, self._others = query, tasks, tasks.others()
        self._places = {step[:2]: place for place, step in enumerate(tasks.steps)}

    def by_size(self, after: "_After | None") -> Iterator[TaskState]:
        """The tasks that were begun, the largest first; then the others in order."""
        if after is None or after.value is not None:
            last = (-after.value, after.place, after.number) if after and after.value is not None else None
            yield from self._begun(self._query.value_of, last)
        if self._query.state in (None, "waiting"):
            start = (after.place, after.number) if after and after.value is None else (0, -1)
            yield from self._waiting(start)

    def by_index(self, after: "_After | None") -> Iterator[TaskState]:
        """The tasks in order."""
        start = (after.place, after.number) if after else (0, -1)
        if self._query.state == "waiting":
            yield from self._waiting(start)
        elif self._query.state is None:
            yield from self._all(start)
        else:
            yield from self._begun(lambda task: 0, (0, *start))

    def _begun(self, value_of: Callable[[TaskRecord | TaskState], float], last: _Key | None) -> Iterator[TaskState]:
        """The first of the tasks that were begun and come after the last one, by value and in order."""
        state, keys = self._query.state, list[_Key]()
        if state in (None, "committed"):
            for place, step in enumerate(self._tasks.steps):
                records = self._tasks.table.of_step(step.stage, step.step)
                keys += [(-value_of(record), place, index) for index, record in records.items()]
        others = [task for task in self._others.values() if state in (None, task.state)]
        keys += [(-value_of(task), self._places[task.stage, task.step], task.index) for task in others]
        if last is not None:
            keys = [key for key in keys if key > last]
        for _, place, index in nsmallest(self._query.limit + 1, keys):
            yield self._tasks.state_of(self._tasks.steps[place], index, self._others)

    def _all(self, after: tuple[int, int]) -> Iterator[TaskState]:
        """All tasks in order, after the one with this step (its place among them) and index."""
        for step, numbers in self._numbers(after):
            for number in numbers:
                yield self._tasks.state_of(step, number, self._others)

    def _waiting(self, after: tuple[int, int]) -> Iterator[TaskState]:
        """Of all tasks in order, those that nobody has begun."""
        for step, numbers in self._numbers(after):
            begun = self._tasks.table.of_step(step.stage, step.step)
            others = {task.index for task in self._others if (task.stage, task.step) == step[:2]}
            for number in numbers:
                if number not in begun and number not in others:
                    yield TaskState(step.stage, step.step, number, "waiting")

    def _numbers(self, after: tuple[int, int]) -> Iterator[tuple[StepTasks, range]]:
        at, index = after
        for place in range(at, len(self._tasks.steps)):
            step = self._tasks.steps[place]
            yield step, range(index + 1 if place == at else 0, step.tasks)


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Tasks, and the cursor of the next page; None at the end."""

    items: list[TaskState] = field(default_factory=list)
    cursor: str | None = None


class _After(NamedTuple):
    """The last task of the page before: its value, None if it had not begun; its step's place, and its index."""

    value: float | None
    place: int
    number: int


def _after(cursor: str, places: Mapping[tuple[int, str], int]) -> _After | None:
    if not cursor:
        return None
    match = _CURSOR.fullmatch(cursor)
    place = places.get((int(match[2]), match[3])) if match else None
    if match is None or place is None:
        raise InvalidCursor(cursor)
    value = None if match[1] == "-" else int(match[1]) if match[1].isdigit() else float(match[1])
    return _After(value, place, int(match[4]))


def _committed(step: StepTasks, record: TaskRecord) -> TaskState:
    return TaskState(
        stage=step.stage,
        step=step.step,
        index=record.index,
        state="committed",
        worker=record.worker,
        host=record.host,
        attempts=record.attempts,
        records=record.records,
        bytes_in=record.bytes_in,
        bytes_out=record.bytes_out,
        started=record.started or None,
        seconds=record.seconds,
        cpu_seconds=record.cpu_seconds,
        spills=record.spills,
        spilled=record.spilled,
        skipped=record.skipped,
    )


def _running(task: Task, worker: AtWork) -> TaskState:
    return TaskState(
        stage=task.stage,
        step=task.step,
        index=task.index,
        state="running",
        worker=worker.worker,
        host=worker.host,
        attempts=worker.attempts,
        started=worker.since or None,
        seconds=round(max(0.0, time.time() - worker.since), 3) if worker.since else 0.0,
        status=worker.status,
    )
