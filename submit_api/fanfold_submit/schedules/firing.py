"""Fires schedules: decides what becomes of each tick, once, whichever replica comes first and wherever one dies.

The tick's job, its idempotency key and the tick in its schedule's record are written in one transaction, which expects
the record as it was read. So two replicas that fire the same tick make one job, and a crash leaves either both or
nothing. Clocks that differ change only when a tick is fired.

Ticks that passed while nobody was there are missed. `catch_up` says which of them are made up for; whatever isn't is
told in the history.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fanfold_submit.jobs.admission import Admission, Origin
from fanfold_submit.jobs.job import Job, Scheduled
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.meters import Meters
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import DelegationEnded, NoSuchSchedule
from fanfold_submit.schedules.dates import dated
from fanfold_submit.schedules.schedule import Outcome, Schedule, Tick
from fanfold_submit.schedules.schedule_records import ScheduleAtRevision, ScheduleRecords, Submission
from fanfold_submit.tokens.delegations import Delegations
from fanfold_submit.webhooks.outbox import Message, body_of
from fanfold_web.clock import timestamp
from fanfold_web.log import logger
from fanfold_web.refusals import Contended, Refusal

log = logger("fanfold_submit")
LATEST = 3600.0  # seconds by which a tick may be late without counting as missed
MOST_CAUGHT_UP = 100  # ticks
MOST_WAITING = 10  # ticks, for the job of an earlier one to end
COUNTED = 1000  # missed ticks; there are more if there are so many
LOOK = 5.0  # seconds until it is seen whether a job has ended for which a tick waits
AGAIN = 0.2  # seconds until a schedule is read again that has changed meanwhile
LONGEST = 300.0  # seconds until a schedule is looked at again: clocks can be set
DOWN = "The service was down, or couldn't submit it in time."
RUNS = "The job of an earlier tick had not ended."
FULL = f"{MOST_WAITING} ticks were waiting already."
KEPT_PAUSED = "Resume it with `fanfold schedule resume {name}`."


@dataclass(frozen=True, slots=True)
class Firing:
    """Takes schedules through their ticks."""

    schedules: ScheduleRecords
    jobs: JobRecords
    admission: Admission
    delegations: Delegations
    meters: Meters
    now: Callable[[], float]

    def fire(self, key: str) -> float | None:
        """Decide on the next tick that is due. Return the seconds until the next look; None: until it changes.

        Raises:
            StorageError: a store is unavailable.
            Refusal: of those that ask to try again later.
        """
        current = self.schedules.find(key)
        if current is None or current.schedule.paused is not None:
            return None
        schedule, is_active = self.with_ends(current.schedule)
        now = self.now()
        if schedule.waiting and not is_active:
            return self._submit(current, schedule, schedule.waiting[0])
        due, more = schedule.ticks.due(schedule.handled, now, COUNTED)
        if due:
            return self._decide(current, schedule, due, more, is_active)
        if schedule != current.schedule:
            self.schedules.change(current, schedule)
        return self._pause_until_next(schedule, now, is_active)

    def run(self, current: ScheduleAtRevision) -> Job | None:
        """Submit the schedule's job now, whether it is paused, or another runs. None: the schedule changed meanwhile.

        Raises Refusal: the job can't be submitted.
        """
        schedule, _ = self.with_ends(current.schedule)
        submission = self.schedules.submission(schedule)
        return self._admit(current, schedule, submission, self._principal(submission), None)

    def _decide(
        self, current: ScheduleAtRevision, schedule: Schedule, due: list[float], more: bool, is_active: bool
    ) -> float | None:
        """What becomes of ticks that are due: all but those to run are missed, then the first of these has its turn."""
        lost = due[:-MOST_CAUGHT_UP] if schedule.catch_up == "all" else due[:-1]
        if more or (schedule.catch_up == "none" and self.now() - due[-1] > LATEST):
            lost = due
        if lost:
            return self._note(current, schedule, lost, "missed", DOWN)
        tick = due[0]
        if (not is_active and not schedule.waiting) or schedule.overlap == "allow":
            return self._submit(current, schedule, tick)
        if schedule.overlap == "skip":
            return self._note(current, schedule, [tick], "skipped", RUNS)
        if len(schedule.waiting) >= MOST_WAITING:
            if schedule.catch_up == "all":  # it stays due until there is room
                return LOOK
            return self._note(current, schedule, [tick], "skipped", FULL)
        after = schedule.model_copy(update={"handled": tick, "waiting": [*schedule.waiting, tick]})
        self.schedules.change(current, after)
        return 0.0

    def _submit(self, current: ScheduleAtRevision, schedule: Schedule, tick: float) -> float:
        """Submit the job of a tick, or write down why not. Raises Refusal if it may succeed later."""
        try:
            submission = self.schedules.submission(schedule)
            if self._admit(current, schedule, submission, self._principal(submission), tick) is None:
                return AGAIN
        except NoSuchSchedule:
            return 0.0
        except DelegationEnded as error:
            why = f"{error.detail} {KEPT_PAUSED.format(name=schedule.name)}"
            log.warning("schedule %s/%s is paused: %s", schedule.owner_id, schedule.name, error.detail)
            return self._note(current, schedule, [tick], "refused", error.detail, paused=why)
        except Refusal as error:
            if error.retry_after is not None:
                raise
            return self._note(current, schedule, [tick], "refused", error.detail)
        return 0.0

    def _principal(self, submission: Submission) -> Principal:
        """The owner, with the roles of this moment. Raises DelegationEnded: they may not submit jobs any more."""
        principal = self.delegations.redeem(submission.delegation)
        if not principal.may("submitter"):
            own = ", ".join(principal.roles) or "none"
            raise DelegationEnded(f"{principal.name!r} may not submit jobs any more; their roles: {own}.")
        return principal

    def _admit(
        self,
        current: ScheduleAtRevision,
        schedule: Schedule,
        submission: Submission,
        principal: Principal,
        tick: float | None,
    ) -> Job | None:
        """Store the job and the tick in one transaction. None: the schedule has changed. Raises Refusal."""
        now = self.now()
        moment = now if tick is None else tick
        due, at = timestamp(moment, "seconds"), timestamp(now)

        def after(job: Job) -> Schedule:
            entry = Tick(tick=due, at=at, outcome="submitted", by_hand=tick is None, job=job.id)
            return schedule.with_entry(entry, **_handled(schedule, [] if tick is None else [tick]))

        request = dated(submission.request, schedule.ticks.local(moment))
        origin = Origin(Scheduled(name=schedule.name, tick=due), lambda job: current.write(after(job)))
        key = f"schedule/{schedule.name}/{due}" if tick is not None else None
        try:
            admitted = self.admission.admit(request, principal, key, origin)
        except Contended:  # another replica was faster
            return None
        if not admitted.is_new:  # another replica has used the key, and written the tick down; or the owner has
            self.schedules.change(current, after(admitted.job))
        else:
            self.meters.ticks.labels("submitted").inc()
            if tick is not None and tick not in schedule.waiting:
                self.meters.tick_delay.observe(max(0.0, now - tick))
        return admitted.job

    def _note(
        self,
        current: ScheduleAtRevision,
        schedule: Schedule,
        ticks: list[float],
        outcome: Outcome,
        why: str,
        **changes: object,
    ) -> float:
        """Write down ticks of which nothing comes."""
        first, last = timestamp(ticks[0], "seconds"), timestamp(ticks[-1], "seconds")
        entry = Tick(
            tick=first, until=last if len(ticks) > 1 else None, ticks=len(ticks), at=timestamp(self.now()),
            outcome=outcome, why=why,
        )  # fmt: skip
        log.info("schedule %s/%s: %d ticks from %s on %s", schedule.owner_id, schedule.name, len(ticks), first, outcome)
        after = schedule.with_entry(entry, **_handled(schedule, ticks), **changes)
        if self.schedules.change(current, after, message=_notice(after, entry, self.now())):
            self.meters.ticks.labels(outcome).inc(len(ticks))
        return 0.0

    def with_ends(self, schedule: Schedule) -> tuple[Schedule, bool]:
        """The schedule with how its jobs have ended, and whether one hasn't."""
        history, is_active = list(schedule.history), False
        newest = next((index for index, entry in enumerate(history) if entry.job), None)
        for index, entry in enumerate(history):
            if entry.job is None or (entry.state is not None and not (index == newest and entry.failed)):
                continue  # of those that have failed, the newest may have been retried
            found = self.jobs.find(entry.job)
            if found and not found.job.state.final:
                is_active = True
                history[index] = entry.model_copy(update={"state": None})
            else:
                history[index] = entry.model_copy(update={"state": found.job.state if found else "removed"})
        return schedule.model_copy(update={"history": history}), is_active

    def _pause_until_next(self, schedule: Schedule, now: float, is_active: bool) -> float:
        following = next(schedule.ticks.after(max(now, schedule.handled)), None)
        pause = LONGEST if following is None else max(0.0, following - now)
        return min(pause, LONGEST, LOOK if schedule.waiting else LONGEST, 60.0 if is_active else LONGEST)


def _notice(schedule: Schedule, entry: Tick, now: float) -> Message | None:
    """The message of ticks of which nothing comes, unless that is as its owner wants it."""
    if schedule.notify is None or entry.outcome == "skipped":
        return None
    told = {"name", "owner", "owner_id", "cron", "timezone", "paused"}
    data = schedule.model_dump(mode="json", include=told) | {"failures": schedule.failures}
    kind = "schedule.paused" if schedule.paused else f"schedule.{entry.outcome}"
    return Message(
        id=f"{schedule.id}-{int(schedule.handled * 1000)}",
        url=schedule.notify,
        owner_id=schedule.owner_id,
        body=body_of(kind, entry.at, data | entry.model_dump(mode="json", include={"tick", "until", "ticks", "why"})),
        created=now,
    )


def _handled(schedule: Schedule, ticks: list[float]) -> dict[str, object]:
    """What changes in a schedule when ticks are done with, whether they waited or were due."""
    waiting = [tick for tick in schedule.waiting if tick not in ticks]
    return {"waiting": waiting, "handled": max([schedule.handled, *ticks])}
