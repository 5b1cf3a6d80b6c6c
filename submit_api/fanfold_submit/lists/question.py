"""What is asked of the lists of jobs, and which list answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fanfold_submit.job_ids import milliseconds_of
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.listed import (
    list_prefix,
    name_question,
    schedule_question,
    state_question,
    team_list,
    word_question,
    words_of,
)
from fanfold_submit.refusals import NoSuchList

LATEST = 36**9 - 1  # milliseconds that an id can begin with


class Sort(StrEnum):
    """The orders in which jobs are listed."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DURATION = "duration"  # those that ran longest first

    @property
    def question(self) -> str:
        """What the list of jobs in this order is called."""
        return {"newest": "", "oldest": "oldest", "duration": "longest"}[self]


@dataclass(frozen=True, slots=True)
class Question:
    """Which jobs to list, in which order. `since` and `until` are Unix milliseconds, both inclusive."""

    owner_ids: tuple[str, ...] | None = None
    """None: everybody's."""
    owner: str | None = None
    """The name or the id of one who owns them, for whom `JobLists` finds the ids."""
    team: str | None = None
    """Those of one team, whoever owns them."""
    states: tuple[State, ...] = ()
    name: str | None = None
    schedule: str | None = None
    words: tuple[str, ...] = ()
    """All of them; as `words_in` makes them."""
    since: int = 0
    until: int = LATEST
    sort: Sort = Sort.NEWEST

    @property
    def filters(self) -> int:
        """How many there are, besides owners and times."""
        given = [bool(self.states), self.name is not None, self.schedule is not None]
        return sum(given) + len(self.words)

    def matches(self, job: Job) -> bool:
        """Whether the job is one of those."""
        return (
            (self.owner_ids is None or job.owner_id in self.owner_ids)
            and self.owner in (None, job.owner, job.owner_id)
            and self.team in (None, job.team)
            and (not self.states or job.state in self.states)
            and self.name in (None, job.name)
            and self.schedule in (None, job.schedule and job.schedule.name)
            and (not self.words or {*self.words} <= {*words_of(job)})
            and self.since <= milliseconds_of(job.id) <= self.until
        )


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists in which to look for jobs. If they aren't exact, other jobs are among those that were asked for."""

    prefixes: Sequence[str]
    are_exact: bool


def lists_for(asked: Question) -> Lists:
    """The lists that answer a question. Raises NoSuchList: there are none in this order."""
    if asked.team is not None:
        if asked.sort is not Sort.NEWEST:
            raise NoSuchList("The jobs of a team are listed the newest first. Leave out sort.")
        are_exact = not asked.filters and asked.owner_ids is None
        return Lists([team_list(asked.team)], are_exact=are_exact)
    owners: Sequence[str | None] = (None,) if asked.owner_ids is None else asked.owner_ids
    if asked.sort is Sort.NEWEST:
        questions, others = _newest(asked)
        return Lists([list_prefix(owner, question) for owner in owners for question in questions], not others)
    is_within = (asked.since, asked.until) != (0, LATEST) and asked.sort is Sort.DURATION
    if asked.owner_ids is None or asked.filters or is_within:
        raise NoSuchList
    return Lists([list_prefix(owner, asked.sort.question) for owner in owners], are_exact=True)


def _newest(asked: Question) -> tuple[Sequence[str], int]:
    """What the lists that hold the fewest jobs are called, and how many filters their jobs need not fit."""
    by_state = [state_question(state) for state in asked.states]
    if asked.owner_ids is not None:
        if asked.schedule is not None:
            return [schedule_question(asked.schedule)], asked.filters - 1
        if asked.name is not None:
            return [name_question(asked.name)], asked.filters - 1
        if asked.words:  # longer ones are rarer
            return [word_question(max(asked.words, key=len))], asked.filters - 1
    return (by_state, asked.filters - 1) if by_state else ([""], asked.filters)


def lists_for_any(asked: Question) -> Lists:
    """Those that have every job, also from before there were others. Raises NoSuchList: none is in this order."""
    if asked.sort is not Sort.NEWEST:
        raise NoSuchList(
            "Lists in other orders are still being made, after an update of the service. Try again in some minutes, "
            "or leave out sort."
        )
    if asked.team is not None:  # jobs of teams have always been in their list
        return Lists([team_list(asked.team)], are_exact=not asked.filters and asked.owner is None)
    owners: Sequence[str | None] = (None,) if asked.owner_ids is None else asked.owner_ids
    return Lists([list_prefix(owner, "") for owner in owners], are_exact=not asked.filters and asked.owner is None)
