"""Schedules over real records, with a clock that is set, owners whose roles change, and jobs that end when told to."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from fanfold_storage.objects import Objects
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, without_links
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_submit.principal import Principal, Role
from fanfold_submit.queueing.limits import Limits as QueueLimits
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.refusals import AuthAway, DelegationEnded
from fanfold_submit.schedules.firing import Firing
from fanfold_submit.schedules.schedule import Schedule, ScheduleRequest
from fanfold_submit.schedules.schedule_records import ScheduleRecords
from fanfold_submit.schedules.schedules import Limits, Schedules
from fanfold_submit.storing.accounts import ByteLimits
from fanfold_submit.storing.stored import StoredBytes
from fanfold_submit.tokens.delegations import Delegations
from fanfold_submit.tokens.standing import StandingDelegations
from fanfold_web.clock import timestamp

ADA = Principal("ada", "ada", ("submitter",))
START = "2026-11-24T07:15:30Z"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@dataclass
class Wall:
    """A clock that stands still until it is set."""

    now: float = field(default_factory=lambda: moment(START))

    def __call__(self) -> float:
        return self.now

    def at(self, text: str) -> float:
        return moment(text)

    def set(self, text: str) -> None:
        self.now = moment(text)


@dataclass
class Owners:
    """What an auth service knows of delegations: `USER PURPOSE NUMBER` stands for one."""

    roles: dict[str, tuple[Role, ...]] = field(default_factory=lambda: {"ada": ("submitter",)})
    away: bool = False
    issued: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    def obtain(self, access_token: str, purpose: str) -> str:
        self.issued.append(f"{access_token} {purpose} {len(self.issued)}")
        return self.issued[-1]

    def redeem(self, delegation: str) -> Principal:
        name = delegation.partition(" ")[0]
        if self.away:
            raise AuthAway
        if delegation in self.revoked or name not in self.roles:
            raise DelegationEnded
        return Principal(name, name, self.roles[name])

    def revoke(self, delegation: str) -> None:
        self.revoked.append(delegation)


class Replica:
    """One process's view of the schedules."""

    def __init__(self, records: Records, objects: Objects, owners: Owners, now: Any) -> None:
        self.jobs, places = JobRecords(records), Places(objects.url)
        queueing = Queueing.over(records, QueueLimits(), now)
        self.admission = Admission(
            self.jobs, places, objects, Allowed((), (), (), "local"), queueing, StoredBytes(records, ByteLimits())
        )
        self.records = ScheduleRecords(records)
        delegations = cast(Delegations, owners)
        self.meters = queueing.meters
        self.firing = Firing(self.records, self.jobs, self.admission, delegations, self.meters, now)
        standing, limits = StandingDelegations(records, delegations), Limits(3, 60.0)
        self.schedules = Schedules(self.records, self.admission, delegations, standing, self.firing, limits, now)

    def fire(self, key: str = "ada/nightly", most: int = 400) -> float | None:
        """Take steps until there is nothing to do for a while."""
        for _ in range(most):
            again = self.firing.fire(key)
            if again is None or again >= 1:
                return again
        raise AssertionError("it never comes to rest")


class Scheduling(Replica):
    """A replica, and what the tests do to the world around it."""

    def __init__(self, folder: Path, stored: Records) -> None:
        self.stored, self.wall, self.owners = stored, Wall(), Owners()
        self.objects = without_links(open_objects(f"file://{folder}/data/"))
        self.objects.put("files/ada/texts/a.txt", [b"a b a\n"])
        super().__init__(stored, self.objects, self.owners, self.wall)

    def replica(self, records: Records | None = None, now: Any = None) -> Replica:
        return Replica(records or self.stored, self.objects, self.owners, now or self.wall)

    def add(self, cron: str = "*/10 * * * *", **changes: Any) -> Schedule:
        asked = request(cron, **changes)
        return self.schedules.add(asked, ADA, "ada")[0]

    def stored_schedule(self, name: str = "nightly") -> Schedule:
        current = self.records.find(f"ada/{name}")
        assert current
        return current.schedule

    def submitted(self) -> list[Job]:
        """All jobs by their ticks; while the clock stands still, ids are in no order."""
        return sorted(self.jobs.newest(None), key=lambda job: job.schedule.tick if job.schedule else "")

    def ticks(self) -> list[str]:
        return [job.schedule.tick for job in self.submitted() if job.schedule]

    def end(self, job: Job, state: State = State.SUCCEEDED) -> None:
        current = self.jobs.find(job.id)
        assert current and self.jobs.change(current, current.job.changed(state=state, finished=timestamp(self.wall())))
        ended = self.jobs.find(job.id)
        assert ended
        self.jobs.close(ended)

    def history(self) -> list[tuple[str, str, int]]:
        """Tick, outcome and how many, the oldest first."""
        entries = self.stored_schedule().history[::-1]
        return [(entry.tick[8:16], entry.outcome, entry.ticks) for entry in entries]


def request(cron: str = "*/10 * * * *", **changes: Any) -> ScheduleRequest:
    job = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], **changes.pop("request", {})}
    return ScheduleRequest.model_validate({"name": "nightly", "cron": cron, "request": job, **changes})
