"""Where jobs are remembered: records, and the compare-and-set transactions that change them.

submit/jobs/ID                 the job
submit/queue/ID                it needs looking after; touched when its owner wants something, and watched
submit/by-time/REVERSED-ID     the newest first, all of them
submit/by-owner/OWNER/REVERSED-ID   likewise, one user's
submit/outputs/SHA256          a job in the queue writes to this URL
submit/keys/OWNER/SHA256       an idempotency key: the job it led to and the fingerprint of the request
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fanfold_storage.errors import Unknown
from fanfold_storage.records import Conflict, Expect, Records, Watch, Write
from fanfold_submit.jobs import Job

JOBS = "submit/jobs/"
QUEUE = "submit/queue/"
BY_TIME = "submit/by-time/"
BY_OWNER = "submit/by-owner/"
OUTPUTS = "submit/outputs/"
KEYS = "submit/keys/"
KEY_SECONDS = 7 * 86400  # how long an idempotency key is remembered

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_REVERSED = str.maketrans(_DIGITS, _DIGITS[::-1])


@dataclass(frozen=True, slots=True)
class Held:
    """A job as it was at a revision; it can be changed from here only if nobody else did."""

    job: Job
    revision: int


@dataclass(frozen=True, slots=True)
class Submission:
    """An idempotency key as its owner sent it, and the fingerprint of what was sent with it."""

    owner: str
    key: str
    fingerprint: str

    @property
    def record_key(self) -> str:
        """Where it is remembered."""
        return f"{KEYS}{self.owner}/{_sha256(self.key)}"


class Register:
    """All jobs in a store of records. Every method may raise StorageError."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def find(self, job_id: str) -> Held | None:
        """The job as of now."""
        record = self._records.get(JOBS + job_id) if is_job_id(job_id) else None
        return Held(Job.model_validate(record.value), record.revision) if record else None

    def admit(self, job: Job, submission: Submission | None) -> bool:
        """Remember a new job: the job, its key, its place in the queue, all or nothing. False: a part was taken."""
        reference = {"job": job.id}
        writes = [
            Write(JOBS + job.id, job.model_dump(mode="json")),
            Write(QUEUE + job.id, reference),
            Write(_output_key(job), reference),
            Write(BY_TIME + _reversed(job.id), reference),
            Write(f"{BY_OWNER}{job.owner}/{_reversed(job.id)}", reference),
        ]
        if submission:
            value = reference | {"fingerprint": submission.fingerprint}
            writes.append(Write(submission.record_key, value, KEY_SECONDS))
        return self._transact([Expect(write.key, 0) for write in writes], writes, job)

    def change(self, held: Held, after: Job) -> bool:
        """Replace the job unless somebody else has changed it."""
        writes = [Write(JOBS + after.id, after.model_dump(mode="json"))]
        if after.desired != held.job.desired:
            writes.append(Write(QUEUE + after.id, {"job": after.id, "desired": after.desired}))
        return self._transact([Expect(JOBS + after.id, held.revision)], writes, after)

    def is_queued(self, job: Job) -> bool:
        """Whether the job needs looking after: it is not final, or its workers may still be there."""
        return self._records.get(QUEUE + job.id) is not None

    def close(self, job: Job) -> None:
        """Take a final job from the queue and free its output, unless that was done before."""
        keys = [QUEUE + job.id, _output_key(job)]
        found = [self._records.get(key) for key in keys]
        held = [record for record in found if record and record.value["job"] == job.id]
        if len(held) == len(keys):
            expectations = [Expect(record.key, record.revision) for record in held]
            self._records.transact(expectations, [Write(key, None) for key in keys])

    def remembered(self, submission: Submission) -> tuple[Job, str] | None:
        """The job that an idempotency key led to, and the fingerprint of the request that it came with."""
        record = self._records.get(submission.record_key)
        held = self.find(record.value["job"]) if record else None
        return (held.job, record.value["fingerprint"]) if record and held else None

    def writer_of(self, job: Job) -> str | None:
        """The id of a job in the queue that has the same output."""
        record = self._records.get(_output_key(job))
        return record.value["job"] if record else None

    def newest(self, owner: str | None, after: str = "") -> Iterator[Job]:
        """Jobs, the newest first, of one owner or all, from the one that follows job `after`."""
        prefix = f"{BY_OWNER}{owner}/" if owner else BY_TIME
        more, last = True, prefix + _reversed(after) if after else ""
        while more:
            page = self._records.scan(prefix, after=last, limit=50)
            for record in page.records:
                last = record.key
                if held := self.find(record.value["job"]):
                    yield held.job
            more = page.more

    def queue(self) -> tuple[list[str], int]:
        """The ids of all jobs that need looking after, and the revision at which that was so."""
        page = self._records.scan(QUEUE, limit=1000)
        records, revision = page.records, page.revision
        while page.more:
            page = self._records.scan(QUEUE, after=records[-1].key, limit=1000, revision=revision)
            records += page.records
        return [record.key.removeprefix(QUEUE) for record in records], revision

    def watch_queue(self, from_revision: int) -> Watch:
        """Changes of the queue: new jobs, jobs to cancel, jobs that ended."""
        return self._records.watch(QUEUE, from_revision)

    def _transact(self, expectations: list[Expect], writes: list[Write], job: Job) -> bool:
        try:
            return not isinstance(self._records.transact(expectations, writes), Conflict)
        except Unknown:
            held = self.find(job.id)  # the answer was lost, but what happened can be read
            if held and held.job == job:
                return True
            raise


def new_job_id(now: Callable[[], float]) -> str:
    """20 lower-case letters and digits that sort by time: milliseconds, then chance.

    >>> new_job_id(lambda: 0.0) < new_job_id(lambda: 0.001) < new_job_id(lambda: 4e9)
    True
    """
    milliseconds, digits = int(now() * 1000), ""
    for _ in range(9):
        milliseconds, digit = divmod(milliseconds, 36)
        digits = _DIGITS[digit] + digits
    return digits + "".join(secrets.choice(_DIGITS) for _ in range(11))


def is_job_id(text: str) -> bool:
    """Whether a text can be a job's id.

    >>> is_job_id("000m3k2v8q1x7f9a2b4c"), is_job_id("../secret")
    (True, False)
    """
    return len(text) == 20 and all(character in _DIGITS for character in text)


def _reversed(job_id: str) -> str:
    """The id with every digit mirrored, so that later ones come first."""
    return job_id.translate(_REVERSED)


def _output_key(job: Job) -> str:
    return OUTPUTS + _sha256(job.conf["output"])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
