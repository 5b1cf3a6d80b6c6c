"""Claims: who works on which task. They avoid double work; only the commit decides.

A claim holds as long as its worker's heartbeat changes, by the reader's own clock since it last saw a change. The
clocks of two machines are never compared.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from fanfold_steps.crash_points import around
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed

HEARTBEAT_SECONDS = 1.0
DEAD_AFTER_SECONDS = 5.0


@dataclass(slots=True)
class Claims:
    """One worker's view of the claims of a job."""

    tree: JobTree
    worker: str
    turns: dict[Task, int] = field(default_factory=dict)
    """The turn that this worker has last claimed, by task."""
    _seen: dict[str, tuple[object, float]] = field(default_factory=dict)

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

    def is_stale(self, task: Task, turn: int = 1) -> bool:
        """Whether the task's worker stopped its heartbeat some seconds ago; the first call only starts the clock."""
        holder = self._holder(task, turn)
        if holder is None:
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
        claim = self._hint(_key(task, turn))
        return claim["worker"] if claim else None

    def _hint(self, key: str) -> dict[str, Any] | None:
        try:
            return self.tree.find(key)
        except Malformed:  # the machine crashed and left it empty
            return None


def _key(task: Task, turn: int) -> str:
    again = f"-{turn}" if turn > 1 else ""
    return f"claims/{task.stage}-{task.step}-{task.index:05d}{again}.json"
