"""Pages of jobs: one scan of a list, then one read of the jobs that it names."""

import re
from dataclasses import dataclass, replace

from fanfold_storage.records import Records
from fanfold_submit.job_ids import ID_PATTERN, LENGTH, is_job_id, time_digits
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.job_records import JOBS
from fanfold_submit.jobs.listed import VERSION, owner_key, reversed_id
from fanfold_submit.lists.question import LATEST, Lists, Question, Sort, lists_for, lists_for_any
from fanfold_submit.refusals import NoSuchList
from fanfold_web.refusals import InvalidCursor

MOST_READ = 100  # jobs that one page may read
MOST_COUNTED = 1000  # jobs after a page
MOST_OWNERS = 10  # who had the same name one after the other
COMPLETE = "submit/lists-complete"  # since when the lists have had every job, and their version

_LONGEST_CURSOR = re.compile(r"\d{10}" + ID_PATTERN.strip("^$"))


@dataclass(frozen=True, slots=True)
class JobsFound:
    """A page of jobs. It may have fewer than asked for, or none, and still be followed by others."""

    jobs: list[Job]
    cursor: str | None
    """What leads to the next page; None at the end."""
    more: int | None
    """How many jobs follow, at most MOST_COUNTED; None if nobody asked, or only reading them would tell."""


class JobLists:
    """The lists of jobs in a store of records. Every method may raise StorageError."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._are_complete = False

    def page(self, asked: Question, limit: int, cursor: str = "", *, count: bool = False) -> JobsFound:
        """At most `limit` jobs, from those that follow a cursor; `limit` is at most MOST_READ.

        Raises:
            NoSuchList: no list answers the question.
            InvalidCursor: no page has returned it.
        """
        are_complete = self.are_complete()
        if are_complete and asked.owner is not None:
            asked = replace(asked, owner_ids=self._owners_called(asked.owner))
        lists = lists_for(asked) if are_complete else lists_for_any(asked)
        most = limit if lists.are_exact else MOST_READ
        places = self._places(lists, asked, cursor, most + 1)
        jobs, used = self._read(asked, places[:most], limit)
        if used == len(places):
            return JobsFound(jobs, None, 0 if count else None)
        last = places[used - 1]
        more = self._count(lists, asked, last) if count and lists.are_exact else None
        return JobsFound(jobs, _cursor_of(last, asked.sort), more)

    def are_complete(self) -> bool:
        """Whether the lists have every job."""
        if not self._are_complete:
            record = self._records.get(COMPLETE)
            self._are_complete = record is not None and record.value["version"] == VERSION
        return self._are_complete

    def _owners_called(self, name: str) -> tuple[str, ...]:
        """The ids of those who had a name when they submitted jobs; also the name, which may be an id itself.

        Raises NoSuchList: there are too many.
        """
        prefix = owner_key(name)
        page = self._records.scan(prefix, limit=MOST_OWNERS)
        if page.more:
            raise NoSuchList(f"More than {MOST_OWNERS} users were called {name[:80]!r}. Name one of them by id.")
        return tuple(dict.fromkeys([name, *(record.key.removeprefix(prefix) for record in page.records)]))

    def _read(self, asked: Question, places: list[str], limit: int) -> tuple[list[Job], int]:
        """The jobs at places, and at how many places they were. Jobs that have left a list since are left out."""
        keys = [JOBS + _id_at(place, asked.sort) for place in places]
        found = self._records.get_many(keys) if keys else {}
        jobs: list[Job] = []
        for number, key in enumerate(keys, start=1):
            if key in found and asked.matches(job := Job.model_validate(found[key].value)):
                jobs.append(job)
                if len(jobs) == limit:
                    return jobs, number
        return jobs, len(keys)

    def _places(self, lists: Lists, asked: Question, cursor: str, most: int) -> list[str]:
        """The places of jobs in the lists, at most so many, from those that follow a cursor."""
        start = max(_first_place(asked), _place_of(cursor, asked.sort) if cursor else "")
        found: set[str] = set()
        for prefix in lists.prefixes:
            after, before = _bounds(prefix, start, asked)
            page = self._records.scan(prefix, after=after, before=before, limit=most)
            found.update(record.key.removeprefix(prefix) for record in page.records)
        return sorted(found)[:most]

    def _count(self, lists: Lists, asked: Question, place: str) -> int:
        """How many jobs come after a place, which is not the last one; at most MOST_COUNTED."""
        count = 0
        for prefix in lists.prefixes:
            after, before = _bounds(prefix, place, asked)
            count += self._records.count(prefix, after=after, before=before, most=MOST_COUNTED)
        return max(1, min(count, MOST_COUNTED))


def _first_place(asked: Question) -> str:
    """What the places of the first jobs come after, if there is a bound: those of one millisecond begin with it."""
    if asked.sort is Sort.NEWEST and asked.until < LATEST:
        return reversed_id(time_digits(asked.until))
    return time_digits(asked.since) if asked.sort is Sort.OLDEST and asked.since > 0 else ""


def _bounds(prefix: str, start: str, asked: Question) -> tuple[str, str]:
    """What the keys of jobs come after, and what they come before: those of one millisecond later begin with it."""
    end = ""
    if asked.sort is Sort.NEWEST and asked.since > 0:
        end = reversed_id(time_digits(asked.since - 1))
    if asked.sort is Sort.OLDEST and asked.until < LATEST:
        end = time_digits(asked.until + 1)
    return prefix + start if start else "", prefix + end if end else ""


def _id_at(place: str, sort: Sort) -> str:
    """The job's id at a place of a list."""
    return place if sort is Sort.OLDEST else reversed_id(place[-LENGTH:])


def _cursor_of(place: str, sort: Sort) -> str:
    return place if sort is Sort.DURATION else _id_at(place, sort)


def _place_of(cursor: str, sort: Sort) -> str:
    """The place at which a page has ended. Raises InvalidCursor."""
    if sort is Sort.DURATION:
        if not _LONGEST_CURSOR.fullmatch(cursor):
            raise InvalidCursor
        return cursor
    if not is_job_id(cursor):
        raise InvalidCursor
    return cursor if sort is Sort.OLDEST else reversed_id(cursor)
