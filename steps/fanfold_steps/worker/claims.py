"""Claims: who works on which task. They avoid double work; only the commit decides.

A claim holds as long as its worker's heartbeat changes, by the reader's own clock since it last saw a change. The
clocks of two machines are never compared.
"""

import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task, neighbourhood
from fanfold_steps.tree.typed import Malformed

HEARTBEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 5.0
MOST_LISTED = 50_000


@dataclass(slots=True)
class Claims:
    """One worker's view of the claims of a job."""

    tree: JobTree
    worker: str
    turns: dict[Task, int] = field(default_factory=dict)
    """The turn that this worker has last claimed, by task."""
    _seen: dict[str, tuple[object, float]] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)
    """By claim; once made, it never changes."""

    def take(self, task: Task, turn: int = 1) -> bool:
        """Claim a task; True if it is ours now, or was before we were restarted.

        Turn 1 is the first attempt; each backup task takes the next turn.
        """
        with around("claim"):
            claimed = self.tree.create(_key(task, turn), {"worker": self.worker}, hint=True)
        if not claimed and self._holder(task, turn) != self.worker:
            return False
        self.turns[task] = turn
        return True

    def near(self, task: Task) -> set[int]:
        """The numbers of the tasks in a task's neighbourhood that anybody has claimed, from one listing."""
        start = f"claims/{task.stage}-{task.step}-"
        found: set[int] = set()
        for stat in islice(self.tree.objects.list(start + neighbourhood(task.index)), MOST_LISTED):
            number = stat.key[len(start) :].removesuffix(".json").partition("-")[0]
            if len(number) < 10 and number.isdecimal():  # anything else, somebody else put there
                found.add(int(number))
        return found

    def is_stale(self, task: Task, turn: int = 1) -> bool:
        """Whether the task's worker stopped its heartbeat some seconds ago; the first call only starts the clock.

        What this worker holds without doing it, the process before it was doing when it died.
        """
        holder = self._holder(task, turn)
        if holder is None or holder == self.worker:
            return True
        record = self._hint(f"workers/{holder}.json")
        beat = record["beat"] if record else None
        now = time.monotonic()
        last, since = self._seen.get(holder, (None, 0.0))
        if holder not in self._seen or last != beat:
            self._seen[holder] = (beat, now)
            return False
        return now - since > DEAD_AFTER_SECONDS

    def _holder(self, task: Task, turn: int) -> str | None:
        key = _key(task, turn)
        if key not in self._holders:
            claim = self._hint(key)
            if not claim:
                return None
            self._holders[key] = claim["worker"]
        return self._holders[key]

    def _hint(self, key: str) -> dict[str, Any] | None:
        try:
            return self.tree.find(key)
        except Malformed:  # the machine crashed and left it empty
            return None


def _key(task: Task, turn: int) -> str:
    again = f"-{turn}" if turn > 1 else ""
    return f"claims/{task.stage}-{task.step}-{task.index:05d}{again}.json"
