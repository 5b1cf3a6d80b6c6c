"""TaskSchedule: the tasks of a step in the order in which one worker takes them, until all are committed.

First comes this worker's own portion; then what is left of the others', each from its end, so that workers meet only
once; then tasks whose worker has died or takes far longer than is typical. These are run once more as backup tasks, and
the commit decides.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fanfold_steps.tree.task import Task
from fanfold_steps.worker.claims import Claims

SHORTEST_WAIT, LONGEST_WAIT = 0.05, 2.0
SLOW = 2.0  # times the median of the step's tasks
PATIENCE_SECONDS = 1.0  # no task is slow that takes less
_SAMPLE = 9  # tasks of other workers that tell how long a task takes, if this worker has done none
_LISTING = 0.1  # of a worker's time, at most, goes into listing commits while there are tasks to do


@dataclass(frozen=True, slots=True)
class Portion:
    """One worker's portion of a step: the worker's index among its `peers`, of which it is one."""

    index: int
    peers: int

    def own(self, count: int) -> range:
        """The indexes of the worker's own tasks, of `count`.

        >>> [list(Portion(index, 3).own(4)) for index in range(3)]
        [[0], [1], [2, 3]]
        """
        return _portion(self.index % self.peers, self.peers, count)

    def order(self, count: int) -> Iterator[int]:
        """The indexes of all `count` tasks: the worker's own portion forward, then the others' backward."""
        mine = self.index % self.peers
        yield from self.own(count)
        for number in (*range(mine + 1, self.peers), *range(mine)):
            yield from reversed(_portion(number, self.peers, count))


def _portion(number: int, peers: int, count: int) -> range:
    return range(number * count // peers, (number + 1) * count // peers)


@dataclass(slots=True)
class _Taken:
    """A task that another worker has claimed: the latest turn, and since when we know about it."""

    task: Task
    since: float
    turn: int = 1


class TaskSchedule:
    """Iterates over the tasks that this worker is to do. Each counts as done when the next one is requested.

    `committed` lists the indexes of committed tasks; `on_progress` is called with them.
    """

    def __init__(
        self,
        claims: Claims,
        tasks: list[Task],
        committed: Callable[[], set[int]],
        on_progress: Callable[[set[int]], None],
    ) -> None:
        self._claims = claims
        self._tasks = tasks
        self._committed = committed
        self._on_progress = on_progress
        self._done: set[int] = set()
        self._seconds: list[float] = []
        self._next_listing = 0.0

    def __iter__(self) -> Iterator[Task]:
        taken: list[_Taken] = []
        yield from self._unclaimed(taken)
        yield from self._help(taken)

    def unclaimed(self) -> Iterator[Task]:
        """The tasks that nobody has claimed, without waiting for the others to be committed."""
        yield from self._unclaimed([])

    @property
    def is_done(self) -> bool:
        """Whether all tasks are committed, by whichever workers."""
        self._list_commits()
        return self._done.issuperset(task.index for task in self._tasks)

    def _unclaimed(self, taken: list[_Taken]) -> Iterator[Task]:
        """The tasks that nobody has claimed; those that others have are added to `taken`."""
        self._list_commits()
        for task in self._tasks:
            if task.index in self._done:
                continue
            if self._claims.take(task):
                yield from self._timed(task)
            else:
                taken.append(_Taken(task, time.monotonic()))
                if time.monotonic() > self._next_listing:
                    self._list_commits()

    def _help(self, taken: list[_Taken]) -> Iterator[Task]:
        wait = SHORTEST_WAIT
        while taken:
            self._list_commits()
            taken = [other for other in taken if other.task.index not in self._done]
            if late := next((other for other in taken if self._is_late(other) and self._take_over(other)), None):
                yield from self._timed(late.task)
                wait = SHORTEST_WAIT
            elif taken:
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def _timed(self, task: Task) -> Iterator[Task]:
        started = time.monotonic()
        yield task
        self._seconds.append(time.monotonic() - started)
        self._done.add(task.index)
        self._on_progress(self._done)

    def _list_commits(self) -> None:
        started = time.monotonic()
        self._done |= self._committed()
        ended = time.monotonic()
        self._next_listing = ended + (ended - started) / _LISTING
        self._on_progress(self._done)

    def _is_late(self, taken: _Taken) -> bool:
        if self._claims.is_stale(taken.task, taken.turn):
            return True
        typical = self._typical()
        if taken.turn > 1 or typical is None:
            return False
        return time.monotonic() - taken.since > max(PATIENCE_SECONDS, SLOW * typical)

    def _take_over(self, taken: _Taken) -> bool:
        """Claim the next turn; False if another worker was quicker and has it now."""
        taken.turn, taken.since = taken.turn + 1, time.monotonic()
        return self._claims.take(taken.task, taken.turn)

    def _typical(self) -> float | None:
        """The median duration of this worker's tasks in seconds; of some other workers' tasks if it has done none."""
        if not self._seconds and self._done and self._tasks[0].step not in ("split", "finish"):
            sample = [task for task in self._tasks if task.index in self._done][:_SAMPLE]
            self._seconds = [self._claims.tree.commit_of(task).seconds for task in sample]
        return sorted(self._seconds)[len(self._seconds) // 2] if self._seconds else None
