"""What a job's workers are doing now, by their heartbeats: hints, which a job's own code may change."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from fanfold_steps.failure.wording import shortened
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed, read_as

MOST_WORKERS = 2000
LONGEST = 200  # characters of a name, or of what its code says
SILENT_SECONDS = 10.0
"""A worker whose last heartbeat is so much older than the latest of all has stopped."""


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    status: str = ""
    host: str = ""
    stage: int | None = None
    step: str | None = None
    index: int | None = None
    since: float = 0.0
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class AtWork:
    """A worker at a task, since a time in Unix seconds by its own clock, in so many attempts of all workers.

    `seen` is when the store got its last heartbeat.
    """

    worker: str
    host: str
    task: Task | None
    since: float
    attempts: int
    status: str
    seen: float


def at_work(tree: JobTree) -> list[AtWork]:
    """The workers that are alive. Raises StorageError."""
    found = list(_found(tree))
    latest = max((worker.seen for worker in found), default=0.0)
    return [worker for worker in found if worker.seen >= latest - SILENT_SECONDS]


def _found(tree: JobTree) -> Iterator[AtWork]:
    for stat in islice(tree.objects.list("workers/"), MOST_WORKERS):
        with suppress(Malformed):  # a heartbeat may be truncated
            beat = read_as(_Heartbeat, tree.find(stat.key) or {}, stat.key)
            task = None
            if beat.stage is not None and beat.step is not None and beat.index is not None:
                task = Task(beat.stage, beat.step, beat.index)
            worker = stat.key.removeprefix("workers/").removesuffix(".json")
            host, status = shortened(beat.host, LONGEST), shortened(beat.status, LONGEST)
            yield AtWork(shortened(worker, LONGEST), host, task, beat.since, beat.attempts, status, stat.modified)
