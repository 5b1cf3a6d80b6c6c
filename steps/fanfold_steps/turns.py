"""Turns: the tasks of a step in the order in which one worker takes them, until all are committed, by whomever.

First this worker's own share, then what is left of the others', each from its end, so that workers meet only once; then
what somebody works on who has died or takes far longer than his fellows: that is run once more, and the commit decides.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from fanfold_steps.claims import Claims
from fanfold_steps.tree import Task

SHORTEST_WAIT, LONGEST_WAIT = 0.05, 2.0
SLOW = 2.0  # times the median of its fellows
PATIENCE_SECONDS = 1.0  # below that nobody is slow
_FELLOWS = 9
_LOOKING = 0.1  # of the time, at most, goes to listings while there is something to do


@dataclass(frozen=True, slots=True)
class Share:
    """Which of a step's workers this is, of how many."""

    index: int
    peers: int

    def order(self, count: int) -> Iterator[int]:
        """The indexes of all tasks: the own share forward, then the others' backward."""
        bounds = [number * count // self.peers for number in range(self.peers + 1)]
        mine = self.index % self.peers
        yield from range(bounds[mine], bounds[mine + 1])
        for number in (*range(mine + 1, self.peers), *range(mine)):
            yield from reversed(range(bounds[number], bounds[number + 1]))


@dataclass(slots=True)
class _Taken:
    """A task that somebody else works on: who took it last (the first, who helped, …), and since when we know."""

    task: Task
    since: float
    turn: int = 1


class Turns:
    """An iterator over the tasks that this worker is to do. Each is done when the next is asked for.

    `committed` lists the indexes of the tasks that are; `tell` hears how many.
    """

    def __init__(
        self, claims: Claims, tasks: list[Task], committed: Callable[[], set[int]], tell: Callable[[int], None]
    ) -> None:
        self._claims = claims
        self._tasks = tasks
        self._committed = committed
        self._tell = tell
        self._done: set[int] = set()
        self._seconds: list[float] = []
        self._look_again_at = 0.0

    def __iter__(self) -> Iterator[Task]:
        self._look()
        taken: list[_Taken] = []
        for task in self._tasks:
            if task.index in self._done:
                continue
            if self._claims.take(task):
                yield from self._timed(task)
            else:
                taken.append(_Taken(task, time.monotonic()))
                if time.monotonic() > self._look_again_at:
                    self._look()
        yield from self._help(taken)

    def _help(self, taken: list[_Taken]) -> Iterator[Task]:
        wait = SHORTEST_WAIT
        while taken:
            self._look()
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
        self._tell(len(self._done))

    def _look(self) -> None:
        started = time.monotonic()
        self._done |= self._committed()
        ended = time.monotonic()
        self._look_again_at = ended + (ended - started) / _LOOKING
        self._tell(len(self._done))

    def _is_late(self, taken: _Taken) -> bool:
        if self._claims.is_stale(taken.task, taken.turn):
            return True
        typical = self._typical()
        if taken.turn > 1 or typical is None:
            return False
        return time.monotonic() - taken.since > max(PATIENCE_SECONDS, SLOW * typical)

    def _take_over(self, taken: _Taken) -> bool:
        """Whether it is ours to run it once more; else somebody was quicker, and holds it now."""
        taken.turn, taken.since = taken.turn + 1, time.monotonic()
        return self._claims.take(taken.task, taken.turn)

    def _typical(self) -> float | None:
        """The median of what tasks took here; or elsewhere, if there was none here."""
        if not self._seconds and self._done and self._tasks[0].step not in ("split", "finish"):
            fellows = [task for task in self._tasks if task.index in self._done][:_FELLOWS]
            self._seconds = list(map(itemgetter("seconds"), map(self._claims.tree.commit_of, fellows)))
        return sorted(self._seconds)[len(self._seconds) // 2] if self._seconds else None
