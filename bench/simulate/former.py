"""How workers looked for tasks before decision 51, kept to be simulated beside what they do now."""

import time
from collections.abc import Iterator

from fanfold_steps.tree.task import Task
from fanfold_steps.worker.schedule import _SAMPLE, LONGEST_WAIT, SHORTEST_WAIT, TaskSchedule, _Taken

THREADS = 8
"""With which the commits of many tasks were read."""
_LISTING = 0.1


class FormerSchedule(TaskSchedule):
    """Each worker tries to claim whatever it doesn't know to be done, and lists all of a step's commits each time that
    it looks; while it waits, it looks at all tasks of others."""

    _next_listing = 0.0

    def _unclaimed(self, taken: list[_Taken]) -> Iterator[Task]:
        self._list_all()
        for task in self._tasks:
            if task.index in self._done:
                continue
            if self._claims.take(task):
                yield from self._timed(task)
            else:
                taken.append(_Taken(task, time.monotonic()))
                if time.monotonic() > self._next_listing:
                    self._list_all()

    def _help(self, taken: list[_Taken]) -> Iterator[Task]:
        wait = SHORTEST_WAIT
        while taken:
            self._list_all()
            taken = [other for other in taken if other.task.index not in self._done]
            late = (other for other in taken if self._is_late(other, looks=True) and self._take_over(other))
            if ours := next(late, None):
                yield from self._timed(ours.task)
                wait = SHORTEST_WAIT
            elif taken:
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def _list_all(self) -> None:
        started = time.monotonic()
        self._list_commits()
        ended = time.monotonic()
        self._next_listing = ended + (ended - started) / _LISTING

    def _typical(self) -> float | None:
        if not self._seconds and self._done and self._tasks[0].step not in ("split", "finish"):
            sample = [task for task in self._tasks if task.index in self._done][:_SAMPLE]
            self._seconds = [self._claims.tree.commit_of(task).seconds for task in sample]
        return sorted(self._seconds)[len(self._seconds) // 2] if self._seconds else None
