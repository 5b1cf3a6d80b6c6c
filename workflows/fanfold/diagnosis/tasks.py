"""A job's tasks in pages: filtered, sorted, and each with what is known of it.

There may be millions of tasks that nobody has begun, so these are never listed as a whole: they follow in order, as
many as a page has room for.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, NamedTuple

from fanfold_steps.summary.task_table import TaskRecord, TaskTable
from fanfold_steps.summary.workers import AtWork
from fanfold_steps.tree.task import Task

State = Literal["waiting", "running", "committed", "failed"]
Sort = Literal["seconds", "records", "bytes", "index"]
_CURSOR = re.compile(r"(-|\d{1,20}(?:\.\d{1,6})?)_(\d{1,9})_([a-z]{1,9})_(\d{1,9})")


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

    def begun(self) -> Iterator[TaskState]:
        """The tasks that have been begun, in no order."""
        for step in self.steps:
            for record in self.table.of_step(step.stage, step.step).values():
                yield _committed(step, record)
        if self.failed and not self._is_committed(self.failed) and self._exists(self.failed):
            yield TaskState(self.failed.stage, self.failed.step, self.failed.index, "failed", attempts=1)
        for task, worker in self._running().items():
            yield _running(task, worker)

    def _running(self) -> Mapping[Task, AtWork]:
        """By task, the worker that began it last."""
        running: dict[Task, AtWork] = {}
        for worker in sorted(self.workers, key=lambda worker: worker.since):
            task = worker.task
            if task and task != self.failed and self._exists(task) and not self._is_committed(task):
                running[task] = worker
        return running

    def waiting(self, begun: set[tuple[int, str, int]], after: tuple[int, int]) -> Iterator[TaskState]:
        """The other tasks in order, after the one with this step (its place among `steps`) and index."""
        at, index = after
        for place in range(at, len(self.steps)):
            stage, step, tasks = self.steps[place]
            for number in range(index + 1 if place == at else 0, tasks):
                if (stage, step, number) not in begun:
                    yield TaskState(stage, step, number, "waiting")

    def _is_committed(self, task: Task) -> bool:
        return task.index in self.table.of_step(task.stage, task.step)

    def _exists(self, task: Task) -> bool:
        return any((task.stage, task.step) == step[:2] and 0 <= task.index < step.tasks for step in self.steps)


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
        places = {(stage, step): place for place, (stage, step, _) in enumerate(steps)}
        chosen = JobTasks(steps, tasks.table, tasks.workers, tasks.failed)
        begun = list(chosen.begun())
        after = _after(self.cursor, places)
        ordered = self._in_order(chosen, begun, places, after)
        items = list(islice(ordered, self.limit))
        more = next(ordered, None) is not None
        return TaskPage(items, self._cursor(items[-1]) if items and more else None)

    def _in_order(
        self, tasks: JobTasks, begun: list[TaskState], places: Mapping[tuple[int, str], int], after: "_After | None"
    ) -> Iterator[TaskState]:
        if self.sort == "index":
            return self._by_index(tasks, begun, places, after)
        return self._by_size(tasks, begun, places, after)

    def _by_size(
        self, tasks: JobTasks, begun: list[TaskState], places: Mapping[tuple[int, str], int], after: "_After | None"
    ) -> Iterator[TaskState]:
        """The tasks that were begun, the largest first; then the others in order."""
        if after is None or after.value is not None:
            keyed = [
                ((-self._value(task), places[task.stage, task.step], task.index), task) for task in self._of(begun)
            ]
            if after and after.value is not None:
                last = (-after.value, after.place, after.number)
                keyed = [(key, task) for key, task in keyed if key > last]
            yield from (task for _, task in sorted(keyed, key=lambda pair: pair[0]))
        if self.state in (None, "waiting"):
            known = {(task.stage, task.step, task.index) for task in begun}
            start = (after.place, after.number) if after and after.value is None else (0, -1)
            yield from tasks.waiting(known, start)

    def _by_index(
        self, tasks: JobTasks, begun: list[TaskState], places: Mapping[tuple[int, str], int], after: "_After | None"
    ) -> Iterator[TaskState]:
        start = (after.place, after.number) if after else (0, -1)
        known = {(places[task.stage, task.step], task.index): task for task in begun}
        listed = iter(sorted(key for key in known if key > start and self.state in (None, known[key].state)))
        if self.state not in (None, "waiting"):
            yield from (known[key] for key in listed)
            return
        taken = {(task.stage, task.step, task.index) for task in begun}
        if self.state == "waiting":
            yield from tasks.waiting(taken, start)
            return
        key = next(listed, None)
        for task in tasks.waiting(taken, start):
            place = (places[task.stage, task.step], task.index)
            while key is not None and key < place:
                yield known[key]
                key = next(listed, None)
            yield task
        while key is not None:
            yield known[key]
            key = next(listed, None)

    def _of(self, tasks: Iterable[TaskState]) -> list[TaskState]:
        return [task for task in tasks if self.state in (None, task.state)]

    def _value(self, task: TaskState) -> float:
        if self.sort == "seconds":
            return max(0.0, round(task.seconds or 0.0, 3))
        return max(0, task.records if self.sort == "records" else max(task.bytes_in, task.bytes_out))

    def _cursor(self, task: TaskState) -> str:
        value: float | str = self._value(task)
        if task.state == "waiting" and self.sort != "index":
            value = "-"
        elif isinstance(value, float):
            value = f"{value:.3f}"
        return f"{value}_{task.stage}_{task.step}_{task.index}"


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
    value = float(match[1]) if "." in match[1] else None if match[1] == "-" else int(match[1])
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
