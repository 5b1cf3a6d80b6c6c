"""How much may run at a time: for everybody together, for each user, for the members of a group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fanfold_submit.queueing.entries import ALL, Entry


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit; None where there is none."""

    total: int | None = None
    each: int | None = None
    """For every user alone."""
    groups: Mapping[str, int] = field(default_factory=dict)
    """For the members of a group together, by the group's name."""

    def of(self, scope: str) -> int | None:
        """The limit of a scope.

        >>> Limit(9, 5, {"staff": 7}).of("group/staff")
        7
        """
        if scope == ALL:
            return self.total
        kind, _, name = scope.partition("/")
        return self.each if kind == "user" else self.groups.get(name)

    def least(self, groups: Sequence[str]) -> int | None:
        """The least that a member of these groups may have; None: there is no limit.

        >>> Limit(9, 5, {"staff": 3}).least(["staff", "choir"])
        3
        """
        limits = [self.total, self.each, *(self.groups.get(group) for group in groups)]
        return min((limit for limit in limits if limit is not None), default=None)

    def named(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Those of a user's groups that have a limit: the others needn't be remembered."""
        return tuple(sorted({group for group in groups if group in self.groups}))


@dataclass(frozen=True, slots=True)
class Running:
    """What runs in a scope: jobs, and the workers that they hold."""

    jobs: int = 0
    workers: int = 0

    def __add__(self, other: "Running") -> "Running":
        return Running(self.jobs + other.jobs, self.workers + other.workers)

    def __sub__(self, other: "Running") -> "Running":
        return Running(self.jobs - other.jobs, self.workers - other.workers)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a job can't start: in its scope so many of `what` run, which leaves no room for it."""

    scope: str
    what: str
    """`jobs` or `workers`."""
    running: int
    limit: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on running jobs, and on the workers of running jobs."""

    jobs: Limit = Limit()
    workers: Limit = Limit()

    def obstacle(self, entry: Entry, running: Mapping[str, Running]) -> Obstacle | None:
        """The first limit that a job would exceed, given what runs in each scope; None if it may start.

        A job admitted under a higher limit, which alone exceeds today's, starts when nothing else of its scope runs.
        """
        return next(self._obstacles(entry, running), None)

    def _obstacles(self, entry: Entry, running: Mapping[str, Running]) -> Iterator[Obstacle]:
        for scope in reversed(entry.scopes):  # its owner's own limits first: others don't have to wait for those
            now = running.get(scope, Running())
            for what, there, more in (("jobs", now.jobs, 1), ("workers", now.workers, entry.workers)):
                limit = (self.jobs if what == "jobs" else self.workers).of(scope)
                if limit is not None and now.jobs and there + more > limit:
                    yield Obstacle(scope, what, there, limit)

    def named_groups(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Those of a user's groups that have a limit."""
        return tuple(sorted({*self.jobs.named(groups), *self.workers.named(groups)}))
