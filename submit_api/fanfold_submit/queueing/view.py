"""What people are told of a job that waits: why, and where it stands."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fanfold_steps.failure.wording import quantity
from fanfold_submit.queueing.choosing import fair_order, kept_from
from fanfold_submit.queueing.entries import ALL, Entry
from fanfold_submit.queueing.limits import Limits, Obstacle
from fanfold_submit.queueing.waiting import Waiting

Reason = Literal[
    "turn", "jobs", "workers", "user-jobs", "user-workers", "group-jobs", "group-workers",
    "image", "configuration", "quota", "unschedulable", "pods", "auth",
]  # fmt: skip


class Wait(BaseModel):
    """Why a job doesn't run yet: it is queued, or its pods can't start."""

    model_config = ConfigDict(frozen=True)

    reason: Reason = Field(
        description="The limit that is reached (for all, for its user, for a group); `turn`: others come first; "
        "what its pods lack; `auth`: nobody can say what its owner may reach"
    )
    message: str = Field(examples=["4 of 4 workers are busy, and the job needs 2."])
    place: int | None = Field(
        default=None, ge=1, description="In the queue, if all jobs took equally long; null if it waits for its pods"
    )


class QueueView:
    """Explains jobs that wait by what this replica last saw: a moment old, but no job costs a read."""

    def __init__(self, waiting: Waiting, limits: Limits, now: Callable[[], float]) -> None:
        self._waiting, self._limits, self._now = waiting, limits, now
        self._known: tuple[int, list[tuple[str, int]]] = (-1, [])

    def of(self, job: str) -> Wait | None:
        """Why a job waits; None if it doesn't."""
        found = self._waiting.find(job)
        if found is None:
            return None
        entry, before = found
        reason, message = self._why(entry)
        return Wait(reason=reason, message=message, place=self._place(entry, before))

    def reasons(self) -> Counter[str]:
        """How many jobs wait for which reason; an owner's jobs all count for that of the first one."""
        counted: Counter[str] = Counter()
        sizes = self._waiting.sizes()
        for owner, (head,) in self._waiting.heads(1).items():
            counted[self._why(head)[0]] += sizes.get(owner, 1)
        return counted

    def _why(self, entry: Entry) -> tuple[Reason, str]:
        totals = self._waiting.totals
        if obstacle := self._limits.obstacle(entry, totals.running):
            return _words(obstacle, entry)
        if kept := kept_from(entry, totals):
            return "turn", f"What becomes free is kept for job {kept.job}, which {quantity(kept.times, 'job')} passed."
        return "turn", "Other jobs come first."

    def _place(self, entry: Entry, before: int) -> int:
        """Its place if all jobs took equally long, so that owners take turns."""
        order = self._order()
        turn = next((place for place, (owner, _) in enumerate(order) if owner == entry.owner), 0)
        others = ((place, size) for place, (owner, size) in enumerate(order) if owner != entry.owner)
        return 1 + before + sum(min(size, before + (place < turn)) for place, size in others)

    def _order(self) -> list[tuple[str, int]]:
        """The owners that wait, the next one first, and how many jobs of each: worked out once for a page of jobs."""
        version, order = self._known
        if version != self._waiting.version:
            version = self._waiting.version  # before the rest: what changes meanwhile is noticed the next time
            sizes = self._waiting.sizes()
            heads = {owner: queue[0] for owner, queue in self._waiting.heads(1).items()}
            owners = fair_order(heads, self._waiting.totals, self._now())
            order = [(owner, sizes.get(owner, 0)) for owner in owners]
            self._known = version, order
        return order


def _words(obstacle: Obstacle, entry: Entry) -> tuple[Reason, str]:
    running, workers = obstacle.running, quantity(obstacle.limit, "worker")
    kind, _, name = obstacle.scope.partition("/")
    if obstacle.what == "jobs":
        if obstacle.scope == ALL:
            return "jobs", f"{_run(running)}, the most at a time."
        if kind == "user":
            return "user-jobs", f"{_run(running, ' of its owner')}, the most at a time for one user."
        return "group-jobs", f"{_run(running, f' of the group {name}')}, the most at a time for that group."
    needs = f"and the job needs {entry.workers}"
    if obstacle.scope == ALL:
        return "workers", f"{running} of {workers} {'is' if running == 1 else 'are'} busy, {needs}."
    if kind == "user":
        return "user-workers", f"Its owner's jobs have {running} of the {workers} for one user, {needs}."
    return "group-workers", f"Jobs of the group {name} have {running} of its {workers}, {needs}."


def _run(jobs: int, whose: str = "") -> str:
    return f"{quantity(jobs, 'job')}{whose} {'runs' if jobs == 1 else 'run'}"
