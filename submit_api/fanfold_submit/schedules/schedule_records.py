"""Schedules as records, each changed by compare-and-set.

submit/schedules/OWNER/NAME    the schedule and what became of its ticks; watched
submit/scheduled/OWNER/NAME    what it submits, and the delegation by which it acts for its owner

OWNER is a user's id. A tick's job is stored in the transaction that writes the tick into its schedule
(`fanfold_submit.schedules.firing`), so whichever replica fires it, and wherever one dies, there is one job.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from fanfold_storage.errors import Unknown
from fanfold_storage.records import Conflict, Expect, Records, Write, scan_all
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import NoSuchSchedule
from fanfold_submit.schedules.schedule import Schedule
from fanfold_submit.webhooks.outbox import Message

SCHEDULES = "submit/schedules/"
SCHEDULED = "submit/scheduled/"


@dataclass(frozen=True, slots=True)
class ScheduleAtRevision:
    """A schedule as stored at a revision; a change based on it succeeds only if nobody has changed it since."""

    schedule: Schedule
    revision: int

    def write(self, after: Schedule) -> tuple[Expect, Write]:
        """What a transaction needs to change the schedule."""
        key = SCHEDULES + key_of(after)
        return Expect(key, self.revision), Write(key, after.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Submission:
    """What a schedule submits, and what lets it act for its owner. The delegation is never shown."""

    request: JobRequest
    delegation: str


class ScheduleRecords:
    """All schedules in a store of records. Every method may raise StorageError."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def find(self, key: str) -> ScheduleAtRevision | None:
        """The schedule with the key OWNER/NAME as stored now."""
        record = self._records.get(SCHEDULES + key)
        return ScheduleAtRevision(Schedule.model_validate(record.value), record.revision) if record else None

    def visible(self, name: str, owner_id: str, to: Principal) -> ScheduleAtRevision:
        """The schedule, if the principal may see it. Raises NoSuchSchedule."""
        current = self.find(f"{owner_id}/{name}") if to.is_admin or to.id == owner_id else None
        if current is None:
            raise NoSuchSchedule(f"There is no schedule {name[:80]!r} of yours. List yours with GET /v1/schedules.")
        return current

    def submission(self, schedule: Schedule) -> Submission:
        """What it submits. Raises NoSuchSchedule: it has been removed meanwhile."""
        record = self._records.get(SCHEDULED + key_of(schedule))
        if record is None or record.value["id"] != schedule.id:
            raise NoSuchSchedule(f"The schedule {schedule.name!r} has been removed.")
        return Submission(JobRequest.model_validate(record.value["request"]), record.value["delegation"])

    def add(self, schedule: Schedule, submission: Submission) -> bool:
        """Store a new schedule. False if the name is taken."""
        key = key_of(schedule)
        writes = [
            Write(SCHEDULES + key, schedule.model_dump(mode="json")),
            Write(SCHEDULED + key, _value(schedule, submission)),
        ]
        try:
            answer = self._records.transact([Expect(write.key, 0) for write in writes], writes)
        except Unknown:
            current = self.find(key)
            if current and current.schedule.id == schedule.id:
                return True
            raise
        return not isinstance(answer, Conflict)

    def change(
        self,
        current: ScheduleAtRevision,
        after: Schedule,
        submission: Submission | None = None,
        message: Message | None = None,
    ) -> bool:
        """Replace the schedule, and what it submits if that is given; send a message if the change is made.

        False if somebody has changed it since.
        """
        expect, write = current.write(after)
        writes = [write, *([Write(SCHEDULED + key_of(after), _value(after, submission))] if submission else [])]
        writes += [message.write()] if message else []
        try:
            return not isinstance(self._records.transact([expect], writes), Conflict)
        except Unknown:
            found = self.find(key_of(after))
            if found and found.schedule == after:
                return True
            raise

    def remove(self, schedule: Schedule) -> None:
        """Forget the schedule. Its jobs stay."""
        keys = (SCHEDULES + key_of(schedule), SCHEDULED + key_of(schedule))
        self._records.transact([], [Write(key, None) for key in keys])

    def of(self, owner_id: str | None, after: str = "", limit: int = 100) -> tuple[list[Schedule], bool]:
        """The schedules of one owner or of all, those after the key `after`; and whether there are more."""
        prefix = f"{SCHEDULES}{owner_id}/" if owner_id else SCHEDULES
        page = self._records.scan(prefix, after=SCHEDULES + after if after else "", limit=limit)
        return [Schedule.model_validate(record.value) for record in page.records], page.more

    def submissions(self) -> Iterator[tuple[str, JobRequest]]:
        """What all schedules submit, each with its owner's id."""
        for record in scan_all(self._records, SCHEDULED).records:
            owner_id = record.key.removeprefix(SCHEDULED).partition("/")[0]
            try:
                yield owner_id, JobRequest.model_validate(record.value["request"])
            except ValidationError:  # an older version's, which this one refuses when it is due
                continue


def key_of(schedule: Schedule) -> str:
    """Its key: the owner's id and its name."""
    return f"{schedule.owner_id}/{schedule.name}"


def _value(schedule: Schedule, submission: Submission) -> dict[str, object]:
    request = submission.request.model_dump(mode="json", exclude_unset=True)
    return {"id": schedule.id, "request": request, "delegation": submission.delegation}
