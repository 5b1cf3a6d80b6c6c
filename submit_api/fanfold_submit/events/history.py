"""What a follower has missed: the versions of a job's record since the one that it was told of last."""

from dataclasses import dataclass

from fanfold_storage.errors import Compacted
from fanfold_submit.events.changes import Changes, JobEvent
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.refusals import NoSuchJob

MOST_MISSED = 200  # versions; who has missed more begins anew


@dataclass(frozen=True, slots=True)
class Missed:
    """What a follower is told first: events, the oldest first, up to the job as it is `now`.

    If the last event that it has seen isn't known any more, this begins `anew`, which says why.
    """

    events: list[JobEvent]
    now: JobEvent
    anew: str = ""


def missed(changes: Changes, jobs: JobRecords, job_id: str, seen: str | None) -> Missed:
    """What a follower has to be told first.

    Args:
        changes: what makes events.
        jobs: the records.
        job_id: the job that it follows.
        seen: the id of the last event that it has seen, whatever it sent; None if it has seen none.

    Raises:
        NoSuchJob: it was removed a moment ago.
        StorageError: the records are unavailable.
    """
    current = jobs.find(job_id)
    if current is None:
        raise NoSuchJob
    now = changes.event(current)
    if seen is None:
        return Missed([now], now)
    if not (seen.isascii() and seen.isdecimal() and len(seen) < 20) or int(seen) > now.revision:
        return Missed([now], now, f"{seen[:40]!r} is not the id of an event of this job")
    try:
        return Missed(_since(changes, jobs, job_id, now, int(seen)), now)
    except Compacted:
        return Missed([now], now, "the events since then are not known any more")


def _since(changes: Changes, jobs: JobRecords, job_id: str, now: JobEvent, seen: int) -> list[JobEvent]:
    """The events after a revision, without progress that is history. Raises Compacted: they aren't known any more."""
    events: list[JobEvent] = []
    event: JobEvent | None = now
    for _ in range(MOST_MISSED):
        if event is None or event.revision <= seen:
            return events[::-1]
        if not events or events[-1].turn != event.turn:
            events.append(event)
        earlier = jobs.find_at(job_id, event.revision - 1)
        event = changes.event(earlier) if earlier else None
    raise Compacted
