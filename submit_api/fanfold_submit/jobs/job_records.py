"""Jobs as records, and the compare-and-set transactions that change them.

submit/jobs/ID                      the job
submit/queue/ID                     it needs reconciling; touched when `desired` changes, and watched
submit/by-time/REVERSED-ID          all jobs, the newest first
submit/by-owner/OWNER/REVERSED-ID   one user's jobs, the newest first
submit/outputs/SHA256               a job in the queue writes to this URL
submit/keys/OWNER/SHA256            an idempotency key: the job it led to, and the fingerprint of the request

OWNER is a user's id.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fanfold_storage.errors import Unknown
from fanfold_storage.records import Conflict, Expect, Records, Watch, Write, scan_all
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import JobFinal, NoSuchJob, NotAdmitted
from fanfold_web.refusals import Contended

JOBS = "submit/jobs/"
QUEUE = "submit/queue/"
BY_TIME = "submit/by-time/"
BY_OWNER = "submit/by-owner/"
OUTPUTS = "submit/outputs/"
KEYS = "submit/keys/"
KEY_SECONDS = 7 * 86400  # how long an idempotency key is remembered

_TRIES = 20
_ENDED = {State.SUCCEEDED: "has succeeded", State.FAILED: "has failed", State.CANCELLED: "was cancelled"}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_REVERSED = str.maketrans(_DIGITS, _DIGITS[::-1])


@dataclass(frozen=True, slots=True)
class JobAtRevision:
    """A job as stored at a revision; a change based on it succeeds only if nobody else has changed the job since."""

    job: Job
    revision: int


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """An idempotency key as its owner sent it, and the fingerprint of the request that it came with."""

    owner_id: str
    key: str
    fingerprint: str

    @property
    def record_key(self) -> str:
        """The key of its record."""
        return f"{KEYS}{self.owner_id}/{_sha256(self.key)}"


class JobRecords:
    """All jobs in a store of records. Every method may raise StorageError."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @property
    def are_local(self) -> bool:
        """Whether `find` and `visible` wait for nobody, so that an event loop can call them."""
        return self._records.is_local

    def find(self, job_id: str) -> JobAtRevision | None:
        """The job as stored now; `job_id` may be any text."""
        record = self._records.get(JOBS + job_id) if is_job_id(job_id) else None
        return JobAtRevision(Job.model_validate(record.value), record.revision) if record else None

    def find_at(self, job_id: str, revision: int) -> JobAtRevision | None:
        """The job as it was stored at an earlier revision of the store. Raises Compacted: nobody knows any more."""
        records = self._records.scan(JOBS + job_id, limit=1, revision=revision).records if revision > 0 else []
        return next((JobAtRevision(Job.model_validate(record.value), record.revision) for record in records), None)

    def visible(self, job_id: str, to: Principal) -> JobAtRevision:
        """The job, if the principal may see it; another user's job does not exist for them. Raises NoSuchJob."""
        current = self.find(job_id)
        if current is None or not (to.is_admin or to.id == current.job.owner_id):
            raise NoSuchJob(f"There is no job {job_id[:80]!r} of yours. List yours with GET /v1/jobs.")
        return current

    def cancel(self, job_id: str, principal: Principal) -> Job:
        """Ask for a job to end; asking again changes nothing. Raises NoSuchJob, JobFinal, NotAdmitted, Contended."""
        for _ in range(_TRIES):
            current = self.visible(job_id, principal)
            if current.job.desired == "cancel":
                return current.job
            if current.job.state.final:
                detail = f"Job {job_id} {_ENDED[current.job.state]} already, so it cannot be cancelled."
                raise JobFinal(detail)
            if not current.job.admitted:
                workflow = current.job.workflow
                stop = f"argo stop -n {workflow.namespace} {workflow.name}" if workflow else "argo stop"
                raise NotAdmitted(f"Job {job_id} was started by its Workflow. Stop that: {stop}")
            after = current.job.changed(desired="cancel")
            if self.change(current, after):
                return after
        raise Contended("The job kept changing. Try again.")

    def admit(self, job: Job, key: IdempotencyKey | None) -> bool:
        """Store a new job, its key and its place in the queue, all or nothing. False if one of them was taken."""
        reference = {"job": job.id}
        writes = [
            Write(JOBS + job.id, job.model_dump(mode="json")),
            *(Write(key, reference) for key in _held_while_queued(job)),
            Write(BY_TIME + _reversed(job.id), reference),
            Write(f"{BY_OWNER}{job.owner_id}/{_reversed(job.id)}", reference),
        ]
        if key:
            value = reference | {"fingerprint": key.fingerprint}
            writes.append(Write(key.record_key, value, KEY_SECONDS))
        return self._transact([Expect(write.key, 0) for write in writes], writes, job)

    def begin_run(self, current: JobAtRevision, after: Job) -> bool:
        """Store the next run of a job, with its place in the queue, all or nothing.

        False if somebody else has changed the job, its workers are still stopping, or its output is taken.
        """
        held = [Write(key, {"job": after.id}) for key in _held_while_queued(after)]
        expectations = [Expect(JOBS + after.id, current.revision), *(Expect(write.key, 0) for write in held)]
        return self._transact(expectations, [Write(JOBS + after.id, after.model_dump(mode="json")), *held], after)

    def change(self, current: JobAtRevision, after: Job) -> bool:
        """Replace the job. False if somebody else has changed it since."""
        writes = [Write(JOBS + after.id, after.model_dump(mode="json"))]
        if after.desired != current.job.desired:
            writes.append(Write(QUEUE + after.id, {"job": after.id, "desired": after.desired}))
        return self._transact([Expect(JOBS + after.id, current.revision)], writes, after)

    def remove(self, current: JobAtRevision) -> None:
        """Remove a job that needs no reconciling any more from all lists. Does nothing if it has changed since."""
        job = current.job
        keys = [JOBS + job.id, BY_TIME + _reversed(job.id), f"{BY_OWNER}{job.owner_id}/{_reversed(job.id)}"]
        expectations = [Expect(JOBS + job.id, current.revision), Expect(QUEUE + job.id, 0)]
        self._records.transact(expectations, [Write(key, None) for key in keys])

    def is_queued(self, job: Job) -> bool:
        """Whether the job needs reconciling: it is not final, or its workers may still be running."""
        return self._records.get(QUEUE + job.id) is not None

    def close(self, current: JobAtRevision) -> None:
        """Take a final job off the queue and free its output, unless that was done before, or the job runs again."""
        job = current.job
        keys = _held_while_queued(job)
        stored = [self._records.get(key) for key in keys]
        own = [record for record in stored if record and record.value["job"] == job.id]
        if len(own) == len(keys):
            expectations = [Expect(record.key, record.revision) for record in own]
            expectations.append(Expect(JOBS + job.id, current.revision))
            self._records.transact(expectations, [Write(key, None) for key in keys])

    def remembered(self, key: IdempotencyKey) -> tuple[Job, str] | None:
        """The job that an idempotency key led to, and the fingerprint of the request that it came with then."""
        record = self._records.get(key.record_key)
        if record is None:
            return None
        current = self.find(record.value["job"])
        if current is None:  # the job was removed, and its key is free again
            self._records.transact([Expect(record.key, record.revision)], [Write(record.key, None)])
            return None
        return current.job, record.value["fingerprint"]

    def writer_of(self, job: Job) -> str | None:
        """The id of the job in the queue that writes to the same output."""
        record = self._records.get(_output_key(job))
        return record.value["job"] if record else None

    def newest(self, owner_id: str | None, after: str = "") -> Iterator[Job]:
        """Jobs of one owner or of all, the newest first, from the one that follows job `after`."""
        prefix = f"{BY_OWNER}{owner_id}/" if owner_id else BY_TIME
        more, last = True, prefix + _reversed(after) if after else ""
        while more:
            page = self._records.scan(prefix, after=last, limit=50)
            for record in page.records:
                last = record.key
                if current := self.find(record.value["job"]):
                    yield current.job
            more = page.more

    def queue(self) -> tuple[list[str], int]:
        """The ids of all jobs that need reconciling, and the revision at which that was so."""
        queue = scan_all(self._records, QUEUE)
        return [record.key.removeprefix(QUEUE) for record in queue.records], queue.revision

    def watch_queue(self, from_revision: int) -> Watch:
        """Changes of the queue: new jobs, jobs to cancel, jobs that have ended."""
        return self._records.watch(QUEUE, from_revision)

    def watch_jobs(self) -> Watch:
        """Changes of all jobs from now on."""
        return self._records.watch(JOBS, self._records.scan(JOBS, limit=1).revision + 1)

    def _transact(self, expectations: list[Expect], writes: list[Write], job: Job) -> bool:
        try:
            return not isinstance(self._records.transact(expectations, writes), Conflict)
        except Unknown:
            current = self.find(job.id)  # the response was lost, but the outcome can be read
            if current and current.job == job:
                return True
            raise


def new_job_id(now: Callable[[], float]) -> str:
    """20 lower-case letters and digits that sort by time: milliseconds, then random digits.

    >>> new_job_id(lambda: 0.0) < new_job_id(lambda: 0.001) < new_job_id(lambda: 4e9)
    True
    """
    milliseconds, digits = int(now() * 1000), ""
    for _ in range(9):
        milliseconds, digit = divmod(milliseconds, 36)
        digits = _DIGITS[digit] + digits
    return digits + "".join(secrets.choice(_DIGITS) for _ in range(11))


def milliseconds_of(job_id: str) -> int:
    """The time that an id begins with, in Unix milliseconds.

    >>> milliseconds_of(new_job_id(lambda: 12.5))
    12500
    """
    return int(job_id[:9], 36)


def is_job_id(text: str) -> bool:
    """Whether a text can be a job's id.

    >>> is_job_id("000m3k2v8q1x7f9a2b4c"), is_job_id("../secret")
    (True, False)
    """
    return len(text) == 20 and all(character in _DIGITS for character in text)


def _reversed(job_id: str) -> str:
    """The id with every digit mirrored, so that later ones come first."""
    return job_id.translate(_REVERSED)


def _held_while_queued(job: Job) -> list[str]:
    """The keys of the job's place in the queue, and of its output, which no service can keep others from elsewhere."""
    return [QUEUE + job.id, *([_output_key(job)] if job.admitted else [])]


def _output_key(job: Job) -> str:
    return OUTPUTS + _sha256(job.conf["output"])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
