"""TaskSchedule: the tasks of a step in the order in which one worker takes them, until all are committed.

First comes this worker's own portion; then what is left of the others', each from its end, so that workers meet only
once; then tasks whose worker has died or takes far longer than is typical. These are run once more as backup tasks, and
the commit decides.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from fanfold_steps.tree.task import Task, neighbourhood
from fanfold_steps.worker.claims import Claims

SHORTEST_WAIT, LONGEST_WAIT = 0.05, 2.0
SLOW = 2.0  # times the median of the step's tasks
PATIENCE_SECONDS = 1.0  # no task is slow that takes less
_SAMPLE = 9  # tasks of other workers that tell how long a task takes, if this worker has done fewer
_LISTING = 0.1  # of a worker's time, at most, goes into listing claims while there are tasks to do
_LOOKING = 0.5  # seconds of listing commits, and again of looking at heartbeats, between two pauses of an idle worker
_MOST_LOOKS = 16  # at tasks' heartbeats, however quickly the store responds


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

    `committed` lists the indexes of committed tasks, or only those in the neighbourhood of a task; `on_progress` is
    called with all that were found.

    What a worker asks of the store is bounded, however many tasks and workers there are: one refused claim shows it the
    claims of a thousand tasks, and while it waits, it looks at some of the tasks at a time.
    """

    def __init__(
        self,
        claims: Claims,
        tasks: list[Task],
        committed: Callable[[int | None], set[int]],
        on_progress: Callable[[set[int]], None],
    ) -> None:
        self._claims = claims
        self._tasks = tasks
        self._committed = committed
        self._on_progress = on_progress
        self._done: set[int] = set()
        self._seconds: list[float] = []
        self._has_sample = False

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
        claimed: set[int] = set()
        next_listing = 0.0
        for task in self._tasks:
            if task.index in self._done:
                continue
            if task.index not in claimed and self._claims.take(task):
                yield from self._timed(task)
                continue
            started = time.monotonic()
            taken.append(_Taken(task, started))
            if task.index not in claimed and started >= next_listing:
                claimed |= self._claims.near(task)
                ended = time.monotonic()
                next_listing = ended + (ended - started) / _LISTING

    def _help(self, taken: list[_Taken]) -> Iterator[Task]:
        wait = SHORTEST_WAIT
        while taken:
            listed, others = self._listed(taken)
            late, looked = self._late(listed)
            taken = others + listed[looked:] + listed[:looked]
            if late:
                yield from self._timed(late.task)
                wait = SHORTEST_WAIT
            elif taken:
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def _listed(self, taken: list[_Taken]) -> tuple[list[_Taken], list[_Taken]]:
        """The tasks that aren't committed, of the neighbourhoods for which there is time; and those of the others."""
        give_up = time.monotonic() + _LOOKING
        places: dict[str, list[_Taken]] = {}
        for other in taken:
            places.setdefault(neighbourhood(other.task.index), []).append(other)
        listed: list[_Taken] = []
        for place in list(places):
            if time.monotonic() > give_up:
                break
            found = places.pop(place)
            self._list_commits(found[0].task.index)
            listed += [other for other in found if other.task.index not in self._done]
        return listed, list(chain.from_iterable(places.values()))

    def _late(self, taken: list[_Taken]) -> tuple[_Taken | None, int]:
        """A task that is late, and now this worker's; and how many tasks' heartbeats there was time to look at."""
        give_up, looked = time.monotonic() + _LOOKING, 0
        for other in taken:
            if looks := looked < _MOST_LOOKS and time.monotonic() <= give_up:
                looked += 1
            if self._is_late(other, looks=looks) and self._take_over(other):
                return other, looked
        return None, looked

    def _timed(self, task: Task) -> Iterator[Task]:
        started = time.monotonic()
        yield task
        self._seconds.append(time.monotonic() - started)
        self._done.add(task.index)
        self._on_progress(self._done)

    def _list_commits(self, near: int | None = None) -> None:
        self._done |= self._committed(near)
        self._on_progress(self._done)

    def _is_late(self, taken: _Taken, *, looks: bool) -> bool:
        if looks and self._claims.is_stale(taken.task, taken.turn):
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
        """The median duration of this worker's tasks and, if these are few, of some other workers' tasks, in seconds.

        None until half of the step's tasks are committed: those that are first to be done are the shortest.
        """
        if 2 * len(self._done) < len(self._tasks):
            return None
        if not self._has_sample and len(self._seconds) < _SAMPLE and self._tasks[0].step not in ("split", "finish"):
            done = [task for task in self._tasks if task.index in self._done]
            self._seconds += [self._claims.tree.commit_of(task).seconds for task in done[:: 1 + len(done) // _SAMPLE]]
            self._has_sample = True
        return sorted(self._seconds)[len(self._seconds) // 2] if self._seconds else None
