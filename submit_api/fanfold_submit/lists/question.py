"""What is asked of the lists of jobs, and which list answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import milliseconds_of
from fanfold_submit.jobs.listed import list_prefix, question_of, schedule_question, words_of
from fanfold_submit.refusals import NoSuchList

LATEST = 36**9 - 1  # milliseconds that an id can begin with


class Sort(StrEnum):
    """The orders in which jobs are listed."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DURATION = "duration"  # those that ran longest first


@dataclass(frozen=True, slots=True)
class Question:
    """Which jobs to list, in which order. `since` and `until` are Unix milliseconds, both inclusive."""

    owner_ids: tuple[str, ...] | None = None
    """None: everybody's."""
    owner: str | None = None
    """The name or the id of one who owns them, for whom `JobLists` finds the ids."""
    states: tuple[State, ...] = ()
    name: str | None = None
    schedule: str | None = None
    words: tuple[str, ...] = ()
    """All of them; as `words_in` makes them."""
    since: int = 0
    until: int = LATEST
    sort: Sort = Sort.NEWEST

    def matches(self, job: Job) -> bool:
        """Whether the job is one of those."""
        return (
            (self.owner_ids is None or job.owner_id in self.owner_ids)
            and self.owner in (None, job.owner, job.owner_id)
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
    owners: Sequence[str | None] = (None,) if asked.owner_ids is None else asked.owner_ids
    names, are_exact = _lists_in(asked)
    return Lists([list_prefix(owner, name) for owner in owners for name in names], are_exact)


def _lists_in(asked: Question) -> tuple[Sequence[str], bool]:
    """What the lists of each owner are called, and whether they hold nothing else. Raises NoSuchList."""
    has_more = bool(asked.states or asked.name is not None)
    is_filtered = bool(has_more or asked.words or asked.schedule is not None)
    if asked.sort is Sort.DURATION:
        if is_filtered or (asked.since, asked.until) != (0, LATEST):
            raise NoSuchList(
                "Jobs are listed by duration for an owner or for all, without state, name, schedule, text, since or "
                "until. Leave these out, or sort=duration."
            )
        return ["longest"], True
    if asked.sort is Sort.OLDEST:
        if is_filtered:
            raise NoSuchList(NoSuchList.example)
        return ["oldest"], True
    if asked.schedule is not None:
        return [schedule_question(asked.schedule)], not has_more and not asked.words
    if asked.words:
        # Longer words are rarer.
        return [f"word={max(asked.words, key=len)}"], not has_more and len({*asked.words}) == 1
    return [question_of(state=state, name=asked.name) for state in asked.states or (None,)], True


def lists_for_any(asked: Question) -> Lists:
    """Those that have every job, also from before there were others. Raises NoSuchList: none is in this order."""
    if asked.sort is not Sort.NEWEST:
        raise NoSuchList(
            "Lists in other orders are still being made, after an update of the service. Try again in some minutes, "
            "or leave out sort."
        )
    owners: Sequence[str | None] = (None,) if asked.owner_ids is None else asked.owner_ids
    is_exact = not asked.states and not asked.words and {asked.name, asked.schedule, asked.owner} == {None}
    return Lists([list_prefix(owner, "") for owner in owners], is_exact)
