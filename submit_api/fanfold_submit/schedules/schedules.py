"""What callers do with schedules: add, show, pause, resume, run and remove them."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fanfold_submit.jobs.admission import LARGEST_RECORD, Admission
from fanfold_submit.jobs.job import Job
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import AuthAway, InvalidSchedule, NoSuchSchedule, ScheduleExists, TooManySchedules
from fanfold_submit.schedules.dates import check_outputs_differ, dated
from fanfold_submit.schedules.firing import Firing
from fanfold_submit.schedules.schedule import Schedule, ScheduleDetails, ScheduleRequest, ScheduleView
from fanfold_submit.schedules.schedule_records import ScheduleRecords, Submission
from fanfold_submit.schedules.ticks import Ticks
from fanfold_submit.tokens.delegations import Delegations
from fanfold_submit.tokens.standing import StandingDelegations
from fanfold_web.clock import timestamp
from fanfold_web.log import logger
from fanfold_web.refusals import Contended, TooLarge

log = logger("fanfold_submit")
SHOWN = 5  # next ticks
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How many schedules each user may have, and how close together the ticks of one may be."""

    each: int
    shortest: float


@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedules of all users."""

    records: ScheduleRecords
    admission: Admission
    delegations: Delegations
    standing: StandingDelegations
    firing: Firing
    limits: Limits
    now: Callable[[], float]

    def add(self, request: ScheduleRequest, caller: Principal, access_token: str) -> tuple[Schedule, bool]:
        """Store a schedule for its caller, and return whether it is new: the very same again changes nothing.

        Raises:
            InvalidSchedule, TooLarge, TooManySchedules, ScheduleExists: the schedule can't be had.
            Refusal: as `Admission.check`, for the job of its next tick.
            AuthAway, NoDelegations: the auth service lets nobody act for the caller.
        """
        now = self.now()
        ticks = self._ticks(request, now)
        self.standing.keep(caller, request.request.team, access_token)
        if earlier := self.records.find(f"{caller.id}/{request.name}"):
            return self._same(request, earlier.schedule), False
        if len(self.records.of(caller.id, limit=self.limits.each)[0]) >= self.limits.each:
            raise TooManySchedules(f"You have {self.limits.each} schedules, the most that each user may have.")
        if len(request.model_dump_json(exclude_unset=True).encode()) > LARGEST_RECORD:
            raise TooLarge("The schedule is too large to be stored. Name folders instead of single files.")
        check_outputs_differ(request.request, ticks, now)
        self.admission.check(dated(request.request, ticks.local(next(ticks.after(now)))), caller)
        delegation = self.delegations.obtain(access_token, f"schedule/{request.name}")
        schedule = Schedule(
            id=secrets.token_hex(10),
            name=request.name,
            owner=caller.name,
            owner_id=caller.id,
            cron=ticks.cron,
            timezone=request.timezone,
            catch_up=request.catch_up,
            overlap=request.overlap,
            output=request.request.output,
            notify=request.request.notify,
            created=timestamp(now),
            handled=now,
        )
        if self.records.add(schedule, Submission(request.request, delegation)):
            return schedule, True
        self._revoke(delegation)
        raise ScheduleExists(_exists(request.name))

    def view(self, schedule: Schedule) -> ScheduleView:
        """The schedule for lists."""
        return ScheduleView(**self._shown(self.firing.with_ends(schedule)[0]))

    def details(self, schedule: Schedule) -> ScheduleDetails:
        """All of the schedule that may be seen. Raises NoSuchSchedule: it has been removed meanwhile."""
        schedule = self.firing.with_ends(schedule)[0]
        request = self.records.submission(schedule).request.model_dump(mode="json", exclude_unset=True)
        return ScheduleDetails(**self._shown(schedule), history=schedule.history, request=request)

    def pause(self, name: str, owner_id: str, caller: Principal) -> Schedule:
        """Submit nothing any more. Pausing it twice changes nothing. Raises NoSuchSchedule, Contended."""
        for _ in range(_TRIES):
            current = self.records.visible(name, owner_id, caller)
            if current.schedule.paused is not None:
                return current.schedule
            after = current.schedule.model_copy(update={"paused": f"Paused by {caller.name}."})
            if self.records.change(current, after):
                return after
        raise Contended

    def resume(self, name: str, owner_id: str, caller: Principal, access_token: str) -> Schedule:
        """Go on with the next tick; those that passed meanwhile are nobody's. Raises NoSuchSchedule, Contended.

        An owner delegates anew, in case that the delegation was what had ended.
        """
        current = self.records.visible(name, owner_id, caller)
        submission = self.records.submission(current.schedule)
        if caller.id == owner_id:
            self.standing.keep(caller, submission.request.team, access_token)
        if current.schedule.paused is None:
            return current.schedule
        replaced: str | None = None
        if caller.id == owner_id:
            replaced = submission.delegation
            submission = Submission(submission.request, self.delegations.obtain(access_token, f"schedule/{name}"))
        after = current.schedule.model_copy(update={"paused": None, "handled": self.now(), "waiting": []})
        if not self.records.change(current, after, submission):
            self._revoke(submission.delegation if replaced else None)
            raise Contended
        self._revoke(replaced)
        return after

    def run(self, name: str, owner_id: str, caller: Principal) -> Job:
        """Submit its job now, whatever else is going on. Raises NoSuchSchedule, Contended, or why it can't."""
        for _ in range(_TRIES):
            if job := self.firing.run(self.records.visible(name, owner_id, caller)):
                return job
        raise Contended

    def remove(self, name: str, owner_id: str, caller: Principal) -> None:
        """Forget the schedule, and end its delegation. Its jobs stay. Raises NoSuchSchedule."""
        self._forget(self.records.visible(name, owner_id, caller).schedule)

    def remove_all_of(self, owner_id: str) -> int:
        """Forget all schedules of a user; return how many."""
        count = 0
        while found := self.records.of(owner_id)[0]:
            for schedule in found:
                self._forget(schedule)
            count += len(found)
        return count

    def _forget(self, schedule: Schedule) -> None:
        with suppress(NoSuchSchedule):  # somebody else is removing it
            delegation = self.records.submission(schedule).delegation
            self.records.remove(schedule)
            self._revoke(delegation)

    def _ticks(self, request: ScheduleRequest, now: float) -> Ticks:
        ticks = Ticks.of(request.cron, request.timezone)
        if (shortest := ticks.shortest(now)) < self.limits.shortest:
            raise InvalidSchedule(
                f"{request.cron!r} is due again after {shortest:.0f} s, and this service's shortest interval is "
                f"{self.limits.shortest:.0f} s."
            )
        if request.catch_up == "all" and request.overlap == "skip":
            raise InvalidSchedule(
                "All ticks that are made up for but the first would be skipped while its job runs: choose the overlap "
                "`queue` or `allow`."
            )
        return ticks

    def _same(self, request: ScheduleRequest, earlier: Schedule) -> Schedule:
        """The earlier schedule, if it is what is asked for. Raises ScheduleExists."""
        asked = (request.cron, request.timezone, request.catch_up, request.overlap)
        if asked != (earlier.cron, earlier.timezone, earlier.catch_up, earlier.overlap):
            raise ScheduleExists(_exists(request.name))
        if self.records.submission(earlier).request != request.request:
            raise ScheduleExists(_exists(request.name))
        return earlier

    def _revoke(self, delegation: str | None) -> None:
        """End a delegation that nobody holds any more. If auth doesn't answer, it stays, and is of no use."""
        try:
            if delegation:
                self.delegations.revoke(delegation)
        except AuthAway as error:
            log.warning("a delegation could not be revoked: %s", error)

    def _shown(self, schedule: Schedule) -> dict[str, Any]:
        following = [] if schedule.paused else islice(schedule.ticks.after(max(self.now(), schedule.handled)), SHOWN)
        fields = {name: getattr(schedule, name) for name in ScheduleView.model_fields if hasattr(schedule, name)}
        return fields | {
            "next": [timestamp(tick, "seconds") for tick in following],
            "waiting": [timestamp(tick, "seconds") for tick in schedule.waiting],
            "last": schedule.history[0] if schedule.history else None,
        }


def _exists(name: str) -> str:
    return f"You have another schedule {name!r} already: remove it first, or choose another name."
