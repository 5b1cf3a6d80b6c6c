"""Admitting a job: check it, plan it, and store it in one transaction. Running it is the reconciler's part.

Nothing here knows HTTP: a schedule or a retry admits jobs in the same way as a request does.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fanfold.errors import OutputTaken, Refused
from fanfold.planning import planner
from fanfold.planning.planner import PlannedJob
from fanfold.planning.sizing import Sizing, at_once
from fanfold_steps.failure.wording import quantity
from fanfold_steps.job.dependencies import Wheel
from fanfold_steps.job.spec import Inputs, JobSpec, urls_of
from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied
from fanfold_storage.objects import Objects
from fanfold_storage.records import Expect, Write
from fanfold_submit.going import Going
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.bundles import bundle_key
from fanfold_submit.jobs.job import Job, Replaced, Scheduled, State
from fanfold_submit.jobs.job_records import IdempotencyKey, JobRecords
from fanfold_submit.jobs.listed import VERSION
from fanfold_submit.jobs.outputs.replacing import replacing
from fanfold_submit.jobs.places import Places, demand_member, stored_names_of, team_of
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.jobs.specs import check_params, job_spec
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.refusals import (
    InvalidIdempotencyKey,
    InvalidSpec,
    JobRefused,
    KeyReused,
    OutputExists,
    OutputInUse,
    PlaceRefused,
    UnknownBundle,
)
from fanfold_submit.storing.stored import StoredBytes
from fanfold_web.clock import timestamp
from fanfold_web.refusals import Contended, Forbidden, Refusal, TooLarge

LARGEST_RECORD = 900 << 10  # bytes; a store of records holds 1 MiB under a key
_TRIES = 5
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Admitted:
    """The job that a request led to, and whether it is new: an idempotency key sent again leads to the same job."""

    job: Job
    is_new: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """What asks for a job if no request does: the schedule, and its own change, stored with the job or not at all."""

    schedule: Scheduled
    change: Callable[[Job], tuple[Expect, Write]]


class Admission:
    """Admits jobs, each exactly once."""

    def __init__(
        self, jobs: JobRecords, places: Places, objects: Objects, allowed: Allowed, queueing: Queueing,
        stored: StoredBytes,
    ) -> None:  # fmt: skip
        self._jobs, self._places, self._objects, self._allowed, self._stored = jobs, places, objects, allowed, stored
        self._now = queueing.now
        self._limits, self._waiting, self._meters = queueing.limits, queueing.waiting, queueing.meters

    def admit(
        self, request: JobRequest, owner: Principal, key: str | None = None, origin: Origin | None = None
    ) -> Admitted:
        """Store the job, as `_admit` does, and count how that went.

        Raises what `_admit` raises.
        """
        try:
            admitted = self._admit(request, owner, key, origin)
        except Refusal:
            self._meters.submissions.labels("refused").inc()
            raise
        self._meters.submissions.labels("admitted" if admitted.is_new else "repeated").inc()
        return admitted

    def _admit(self, request: JobRequest, owner: Principal, key: str | None, origin: Origin | None) -> Admitted:
        """Store the job. Once this returns, the job will run to a final state, once, whatever crashes.

        With an `origin`, Contended also says that the origin has changed.

        Raises:
            Refusal: one of those in `fanfold_submit.refusals`, or Forbidden, TooLarge, Contended. Nothing was stored.
            StorageError: a store does not answer.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidIdempotencyKey
        idempotency = None if key is None else IdempotencyKey(owner.id, key, request.fingerprint())
        if earlier := self._earlier(idempotency):
            return Admitted(earlier, is_new=False)
        for _ in range(_TRIES):
            going = self._jobs.going()
            try:
                job = self._prepare(request, owner, origin.schedule if origin else None)
                self.refuse_going(job, going)
            except Refusal:
                # What stands in the way may be the job that this very key led to a moment ago.
                if earlier := self._earlier(idempotency):
                    return Admitted(earlier, is_new=False)
                raise
            if self._jobs.admit(job, idempotency, [origin.change(job)] if origin else (), going):
                self._waiting.add(job.entry)
                return Admitted(job, is_new=True)
            if earlier := self._earlier(idempotency):
                return Admitted(earlier, is_new=False)
            if writer := self._jobs.writer_of(job):
                raise self.in_use(job, writer)
            if origin:
                break
        raise Contended

    def check(self, request: JobRequest, owner: Principal) -> None:
        """Check what doesn't depend on what lies in the places. Raises Refusal, as `admit` does."""
        self._spec(request)
        _check_team(request, owner)
        self._urls(request.inputs, owner)
        if request.output is not None:
            self._places.url(request.output, owner, write=True)

    def _earlier(self, key: IdempotencyKey | None) -> Job | None:
        """The job that this key led to before. Raises KeyReused if it came with another request."""
        remembered = self._jobs.remembered(key) if key else None
        if not key or not remembered:
            return None
        job, fingerprint = remembered
        if fingerprint != key.fingerprint:
            raise KeyReused(
                f"This Idempotency-Key was used before with a different request, for job {job.id}. Use a new key."
            )
        return job

    def _prepare(self, request: JobRequest, owner: Principal, schedule: Scheduled | None) -> Job:
        """Check everything that can be checked; write nothing."""
        _check_team(request, owner)
        self._stored.demand_room(owner)
        spec, notes = self._spec(request)
        plan, replaced = self._plan(request, spec, owner)
        if request.workers and request.workers > (most := at_once(plan.conf.workers)):
            notes.append(
                f"the job asks for {quantity(request.workers, 'worker')}, and has {most}, the most at a time here"
            )
        job = Job(
            id=plan.conf.id,
            name=spec.name,
            owner=owner.name,
            owner_id=owner.id,
            state=State.QUEUED,
            engine=self._allowed.engine,
            schedule=schedule,
            notify=request.notify,
            notes=notes,
            inputs=request.inputs,
            output=request.output,
            team=request.team,
            partitions=plan.conf.partitions,
            created=timestamp(self._now()),
            conf=plan.conf.to_json(),
            url=plan.job_url,
            priority=_priority(request, owner),
            groups=self._limits.named_groups(owner.groups),
            submitted_by_admin=owner.is_admin,
            replaces=replaced,
            lists=VERSION,
        )
        demand_storable(job)
        return job

    def refuse_going(self, job: Job, going: Going) -> None:
        """Raise PlaceRefused if code or uploads that the job names are being cleared."""
        if going.first_of(stored_names_of(job, self._places.root)):
            raise PlaceRefused(
                "Code or an upload that the job names is just being cleared, as no job has used it for long. Upload it "
                "again in a moment, as fanfold submit does."
            )

    def _spec(self, request: JobRequest) -> tuple[JobSpec, list[str]]:
        """The job's spec, and what it asks for that has no effect here."""
        spec = job_spec(request)
        notes = self.check_spec(spec)
        check_params(request, spec)
        if request.notify is not None:
            self._allowed.check_notify(request.notify)
        return spec, notes

    def check_spec(self, spec: JobSpec) -> list[str]:
        """See that the code is here and allowed; a sentence for each thing that has no effect here.

        Raises UnknownBundle, InvalidSpec, JobRefused.
        """
        if spec.bundle is not None:
            self._check_bundle(spec.bundle)
        for wheel in spec.dependencies.wheels if spec.dependencies else ():
            self._check_wheel(wheel)
        return self._allowed.check(spec)

    def demand_room(self, owner: Principal) -> None:
        """See that what the owner stores leaves room for more. Raises a Refusal."""
        self._stored.demand_room(owner)

    def most_workers(self, groups: Sequence[str]) -> int | None:
        """The most workers at a time that a job of a member of these groups may have; None: there is no limit."""
        return self._limits.workers.least(groups)

    def in_use(self, job: Job, writer_id: str) -> OutputInUse:
        """The refusal of a job to whose output another one writes."""
        current = self._jobs.find(writer_id)
        who = f"your job {writer_id}" if current and current.job.owner_id == job.owner_id else "another user's job"
        if current and current.job.state.final:
            what = f"{job.output} is not free yet: the workers of {who} are still stopping. Try again in a moment."
            return OutputInUse(what, retry_after=1)
        what = f"{job.output} is being written by {who}. Wait for it to end, cancel it, or choose another output."
        return OutputInUse(what)

    def _check_bundle(self, sha256: str) -> None:
        try:
            self._objects.stat(bundle_key(sha256))
        except NotFound:
            raise UnknownBundle(
                f"There is no bundle {sha256}. Upload it first with PUT /v1/bundles/{sha256}."
            ) from None

    def _check_wheel(self, wheel: Wheel) -> None:
        try:
            size = self._objects.stat(bundle_key(wheel.sha256)).size
        except NotFound:
            put = f"Upload it first with PUT /v1/bundles/{wheel.sha256}."
            raise UnknownBundle(f"There is no bundle {wheel.sha256}, the wheel {wheel.name}. {put}") from None
        if size != wheel.size:
            raise InvalidSpec(
                f"The wheel {wheel.name} has {quantity(size, 'byte')}, not {wheel.size:,}, as the spec says."
            )

    def _plan(self, request: JobRequest, spec: JobSpec, owner: Principal) -> tuple[PlannedJob, Replaced | None]:
        """The job's plan, and the output that it replaces. Raises Refusal."""
        if request.overwrite and request.output is None:
            raise JobRefused("Without an output there is nothing to overwrite: name one, or leave overwrite out.")
        job_id = new_job_id(self._now)
        url = self._places.job_url(job_id)
        places = planner.Places(
            inputs=self._urls(request.inputs, owner),
            output=f"{url}output/" if request.output is None else self._places.url(request.output, owner, write=True),
            job=url,
            bundle=self._places.bundle_url(spec.bundle) if spec.bundle else None,
            wheels=self._places.wheels_url(),
            output_may_exist=request.overwrite,
        )
        most = self._limits.workers.least(owner.groups)
        sizing = Sizing(request.partitions, request.split_size, request.workers, request.memory, most_at_once=most)
        replaced = None
        try:
            plan = planner.plan(spec, places, sizing, job_id=job_id, owner=owner.name, engine=self._allowed.engine)
            if request.overwrite:
                plan, replaced = replacing(plan, beside=self._allowed.engine == "local")
        except (Refused, PermissionDenied, InvalidKey) as error:
            refusal: type[Refusal] = JobRefused if isinstance(error, Refused) else PlaceRefused
            mend = ""
            if isinstance(error, OutputTaken):
                refusal, mend = OutputExists, ", or replace an earlier job's output with `overwrite` (--overwrite)"
            detail = self._places.redact(str(error), owner.id) + mend
            raise refusal(detail[:1].upper() + detail[1:]) from None
        return replace(plan, conf=replace(plan.conf, params=request.params)), replaced

    def _urls(self, inputs: Inputs, owner: Principal) -> Inputs:
        if isinstance(inputs, dict):
            return {name: [self._places.url(place, owner) for place in places] for name, places in inputs.items()}
        return [self._places.url(place, owner) for place in inputs]


def demand_storable(job: Job) -> None:
    """See that a job fits into its record. Raises TooLarge."""
    if len(job.model_dump_json().encode()) > LARGEST_RECORD:
        raise TooLarge("The job is too large to be stored. Name folders instead of single files.")


def _check_team(request: JobRequest, owner: Principal) -> None:
    """See that the owner is in the team whose job it is to be, and that no other's files are named.

    Raises Forbidden, JobRefused.
    """
    if request.team is not None and request.team not in owner.teams:
        teams = ", ".join(owner.teams) or "none"
        raise Forbidden(f"{owner.name!r} is not in the group {request.team!r}, but in: {teams}. Ask an administrator.")
    for place in [*urls_of(request.inputs), *([request.output] if request.output else [])]:
        team = team_of(place)
        if team is not None and team != request.team:
            demand_member(owner, team)
            mend = f"submit it with the team {team!r} (--team {team})"
            raise JobRefused(f"{place} is a team's, and only jobs of that team reach its files: {mend}.")


def _priority(request: JobRequest, owner: Principal) -> int:
    """The priority that a request asks for. Raises Forbidden: only administrators may ask for any."""
    if request.priority:
        owner.demand("admin", "A priority other than 0")
    return request.priority
