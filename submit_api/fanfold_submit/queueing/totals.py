"""What runs in all, and what each owner has used of late: the one record by which replicas agree on who starts next.

An owner's usage is in worker-seconds, of which half is forgotten every HALF_LIFE. Between two changes the number of an
owner's workers is constant, so usage at any moment follows from what it was at the last change.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanfold_submit.queueing.entries import Entry, user_scope
from fanfold_submit.queueing.limits import Running

HALF_LIFE = 900.0  # seconds
CHARGED = 30.0  # seconds for which each running worker counts in advance, so that nobody starts all at once
FORGOTTEN = 1.0  # worker-seconds below which an owner without workers is no longer remembered


@dataclass(frozen=True, slots=True)
class Usage:
    """Worker-seconds that an owner had used at a moment (Unix seconds)."""

    seconds: float
    at: float

    def later(self, now: float, workers: int) -> "Usage":
        """Usage now, if so many workers have run since.

        >>> Usage(800.0, 0.0).later(HALF_LIFE, workers=0)
        Usage(seconds=400.0, at=900.0)
        """
        kept = 0.5 ** (max(0.0, now - self.at) / HALF_LIFE)  # clocks of replicas differ
        return Usage(self.seconds * kept + workers * (1 - kept) * HALF_LIFE / math.log(2), max(now, self.at))


@dataclass(frozen=True, slots=True)
class Passed:
    """The job that was first in turn but had no room, and how many others have started before it since then."""

    job: str
    times: int = 0


@dataclass(slots=True)
class Totals:
    """The sums over all jobs that hold workers, by scope; usage by owner; who is being passed, by scope."""

    running: dict[str, Running] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    passed: dict[str, Passed] = field(default_factory=dict)

    def usage_of(self, owner: str, now: float) -> float:
        """What an owner has: usage of late, and workers that run. Of those who wait, the least goes first."""
        workers = self.running.get(user_scope(owner), Running()).workers
        return self.usage.get(owner, Usage(0.0, now)).later(now, workers).seconds + workers * CHARGED

    def grant(self, entry: Entry, now: float) -> None:
        """Count a job that is about to start; it no longer waits for those that have passed it, others do for it."""
        self._advance(entry.owner, now)
        for scope in entry.scopes:
            self.running[scope] = self.running.get(scope, Running()) + Running(1, entry.workers)
            if passed := self.passed.get(scope):
                self.passed[scope] = Passed(passed.job, passed.times + 1)
        self.passed = {scope: passed for scope, passed in self.passed.items() if passed.job != entry.job}

    def release(self, entry: Entry, now: float) -> None:
        """Count a job no more, since its workers have stopped."""
        self._advance(entry.owner, now)
        for scope in entry.scopes:
            left = self.running.get(scope, Running()) - Running(1, entry.workers)
            if left.jobs > 0:
                self.running[scope] = left
            else:
                self.running.pop(scope, None)
        self._forget(now)

    def forget_passed(self, waits: Callable[[str], bool]) -> None:
        """Keep no room for jobs that don't wait any more."""
        self.passed = {scope: passed for scope, passed in self.passed.items() if waits(passed.job)}

    def _advance(self, owner: str, now: float) -> None:
        workers = self.running.get(user_scope(owner), Running()).workers
        self.usage[owner] = self.usage.get(owner, Usage(0.0, now)).later(now, workers)

    def _forget(self, now: float) -> None:
        for owner, usage in list(self.usage.items()):
            if user_scope(owner) not in self.running and usage.later(now, 0).seconds < FORGOTTEN:
                del self.usage[owner]

    def value(self) -> dict[str, Any]:
        """The record."""
        return {
            "running": {scope: [running.jobs, running.workers] for scope, running in self.running.items()},
            "usage": {owner: [round(usage.seconds, 3), round(usage.at, 3)] for owner, usage in self.usage.items()},
            "passed": {scope: [passed.job, passed.times] for scope, passed in self.passed.items()},
        }

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Totals":
        """The totals of a record."""
        return cls(
            {scope: Running(*running) for scope, running in value["running"].items()},
            {owner: Usage(*usage) for owner, usage in value["usage"].items()},
            {scope: Passed(*passed) for scope, passed in value["passed"].items()},
        )
