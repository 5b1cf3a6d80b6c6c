"""Jobs as records, and the compare-and-set transactions that change them.

submit/jobs/ID                      the job
submit/queue/ID                     it needs reconciling; touched when `desired` changes, and watched
submit/by-…, lists/…, owners/…      the lists that it is in: see `listed.py`
submit/slots/…                      it waits for workers, or holds some (`fanfold_submit.queueing.entries`)
submit/outputs/SHA256               a job in the queue writes to this URL
submit/removals/ID                  its tree is being removed, so it can't be retried
submit/keys/OWNER/SHA256            an idempotency key: the job it led to, and the fingerprint of the request

OWNER is a user's id.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fanfold_storage.errors import Unknown
from fanfold_storage.records import Conflict, Expect, Records, Watch, Write, scan_all
from fanfold_submit.going import Going
from fanfold_submit.job_ids import is_job_id
from fanfold_submit.jobs.job import Job, Notified
from fanfold_submit.jobs.listed import (
    BY_OWNER,
    BY_TIME,
    LISTS,
    VERSION,
    keys_of,
    owner_key,
    possible_keys_of,
    reversed_id,
    sha256,
)
from fanfold_submit.jobs.notices import notice
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.entries import QUEUE, WAITING, job_of
from fanfold_submit.refusals import NoSuchJob
from fanfold_submit.storing.stored import uncounted_tree
from fanfold_web.refusals import Contended

JOBS = "submit/jobs/"
OUTPUTS = "submit/outputs/"
REMOVALS = "submit/removals/"
KEYS = "submit/keys/"
KEY_SECONDS = 7 * 86400  # how long an idempotency key is remembered

_TRIES = 20
_PAGE = 50  # jobs read at once, each of which may have a megabyte


@dataclass(frozen=True, slots=True)
class JobAtRevision:
    """A job as stored at a revision; a change based on it succeeds only if nobody else has changed the job since."""

    job: Job
    revision: int

    def write(self, after: Job) -> tuple[Expect, Write]:
        """What a transaction needs to replace the job by one that is in the same lists."""
        key = JOBS + after.id
        return Expect(key, self.revision), Write(key, after.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """An idempotency key as its owner sent it, and the fingerprint of the request that it came with."""

    owner_id: str
    key: str
    fingerprint: str

    @property
    def record_key(self) -> str:
        """The key of its record."""
        return f"{KEYS}{self.owner_id}/{sha256(self.key)}"


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
        """The job, if the principal may see it: its owner, members of its team, administrators. Raises NoSuchJob.

        For anybody else it does not exist.
        """
        current = self.find(job_id)
        if current is None or not (to.is_admin or to.id == current.job.owner_id or current.job.team in to.teams):
            raise NoSuchJob(f"There is no job {job_id[:80]!r} of yours. List yours with GET /v1/jobs.")
        return current

    def going(self) -> Going:
        """What is being cleared now."""
        return Going.now(self._records)

    def admit(
        self,
        job: Job,
        key: IdempotencyKey | None,
        besides: Sequence[tuple[Expect, Write]] = (),
        going: Going | None = None,
    ) -> bool:
        """Store a new job, its key and its place among those that wait, and make changes besides, all or nothing.

        False if one of them was taken, an expectation of a change doesn't hold, or something else is being cleared by
        now than when the job was checked. A job that its Workflow has started waits for nothing.
        """
        job, reference = _listed(job), {"job": job.id}
        writes = [
            Write(JOBS + job.id, job.model_dump(mode="json")),
            *(Write(key, reference) for key in _held_while_queued(job) if not job.admitted or key != QUEUE + job.id),
            *([Write(job.entry.key, job.entry.value())] if job.admitted else []),
        ]
        if key:
            value = reference | {"fingerprint": key.fingerprint}
            writes.append(Write(key.record_key, value, KEY_SECONDS))
        expectations = [*(Expect(write.key, 0) for write in writes), *(expect for expect, _ in besides)]
        expectations += [going.expectation] if going else []
        writes += [_listing(key, job) for key in sorted(keys_of(job))]
        writes.append(Write(owner_key(job.owner, job.owner_id), {"owner": job.owner}))
        return self._transact(expectations, [*writes, *(write for _, write in besides)], job)

    def begin_run(self, current: JobAtRevision, after: Job, going: Going | None = None) -> bool:
        """Store the next run of a job, with its place among those that wait, all or nothing.

        False if somebody else has changed the job, its workers are still stopping, it is being removed, its output is
        taken, or something else is being cleared by now than when it was checked.
        """
        after = _listed(after)
        waits = [Write(_output_key(after), {"job": after.id}), Write(after.entry.key, after.entry.value())]
        absent = [QUEUE + after.id, REMOVALS + after.id, *(write.key for write in waits)]
        expectations = [Expect(JOBS + after.id, current.revision), *(Expect(key, 0) for key in absent)]
        expectations += [going.expectation] if going else []
        stored = Write(JOBS + after.id, after.model_dump(mode="json"))
        return self._transact(expectations, [stored, *waits, *_moves(current.job, after)], after)

    def change(self, current: JobAtRevision, after: Job) -> bool:
        """Replace the job, and move it between lists. False if somebody else has changed it since.

        If it has ended now, the message to the URL that it names is stored with it.
        """
        messages = []
        if after.notify and after.state.final and not current.job.state.final:
            messages = [notice(after).write()]
            after = after.model_copy(update={"notified": Notified(state="waiting")})
        after = _listed(after)
        writes = [*messages, Write(JOBS + after.id, after.model_dump(mode="json")), *_moves(current.job, after)]
        if after.desired != current.job.desired:  # if it waited, it waits no more
            writes.append(Write(QUEUE + after.id, {"job": after.id, "desired": after.desired}))
            writes.append(Write(after.entry.key, None))
        return self._transact([Expect(JOBS + after.id, current.revision)], writes, after)

    def is_waiting(self, job: Job) -> bool:
        """Whether the job waits for workers."""
        return self._records.get(job.entry.key) is not None

    def move_waiting(self, current: JobAtRevision, after: Job) -> bool:
        """Replace a job that waits, and move it to its new place. False if it waits no more, or has changed since."""
        before = current.job.entry
        waiting = self._records.get(before.key)
        if waiting is None:
            return False
        expectations = [Expect(JOBS + after.id, current.revision), Expect(waiting.key, waiting.revision)]
        moved = [Write(before.key, None)] if after.entry.key != before.key else []
        stored = Write(JOBS + after.id, after.model_dump(mode="json"))
        return self._transact(expectations, [stored, *moved, Write(after.entry.key, after.entry.value())], after)

    def begin_removal(self, current: JobAtRevision) -> bool:
        """Let the job have no further run, since its tree is removed. False if it has changed, or is reconciled."""
        job_id = current.job.id
        if self.is_being_removed(current.job):
            return True
        expectations = [Expect(JOBS + job_id, current.revision), Expect(QUEUE + job_id, 0)]
        begun = self._records.transact(expectations, [Write(REMOVALS + job_id, {"job": job_id})])
        return not isinstance(begun, Conflict)

    def is_being_removed(self, job: Job) -> bool:
        """Whether its tree is being removed, or was in part when a service crashed."""
        return self._records.get(REMOVALS + job.id) is not None

    def remove(self, current: JobAtRevision) -> bool:
        """Remove a job that needs no reconciling any more from all lists. False if it has changed since."""
        job = current.job
        keys = [JOBS + job.id, REMOVALS + job.id, *sorted(_lists_of(job))]
        expectations = [Expect(JOBS + job.id, current.revision), Expect(QUEUE + job.id, 0)]
        for _ in range(_TRIES):
            expected, writes = uncounted_tree(self._records, job.id)
            removed = [Write(key, None) for key in keys] + writes
            if not isinstance(self._records.transact([*expectations, *expected], removed), Conflict):
                return True
        return False

    def list_again(self, job_id: str) -> bool:
        """Bring a job that another version has stored into its lists. False if it is in them, or gone.

        Raises Contended.
        """
        for _ in range(_TRIES):
            current = self.find(job_id)
            if current is None or current.job.lists == VERSION:
                return False
            if self.change(current, current.job):
                return True
        raise Contended("The job kept changing. Try again.")

    def is_queued(self, job: Job) -> bool:
        """Whether the job needs reconciling: it is not final, or its workers may still be running."""
        return self._records.get(QUEUE + job.id) is not None

    def close(self, current: JobAtRevision, as_left: Job | None = None) -> bool:
        """Take a final job off the queue, free its output, and store it as its workers have left it.

        False if it has changed since, or was closed before.
        """
        after = as_left or current.job
        keys = _held_while_queued(current.job)
        stored = [self._records.get(key) for key in keys]
        own = [record for record in stored if record and record.value["job"] == after.id]
        if len(own) != len(keys):
            return False
        expectations = [Expect(record.key, record.revision) for record in own]
        expectations.append(Expect(JOBS + after.id, current.revision))
        writes = [Write(key, None) for key in keys]
        if after != current.job:
            writes += [Write(JOBS + after.id, after.model_dump(mode="json")), *_moves(current.job, after)]
        return not isinstance(self._records.transact(expectations, writes), Conflict)

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
        more, last = True, prefix + reversed_id(after) if after else ""
        while more:
            page = self._records.scan(prefix, after=last, limit=_PAGE)
            keys = [JOBS + record.value["job"] for record in page.records]
            found = self._records.get_many(keys) if keys else {}
            yield from (Job.model_validate(found[key].value) for key in keys if key in found)
            last = page.records[-1].key if page.records else last
            more = page.more

    def queue(self) -> tuple[list[str], int]:
        """The ids of all jobs that need reconciling, and the revision at which that was so."""
        queue = scan_all(self._records, QUEUE)
        return [record.key.removeprefix(QUEUE) for record in queue.records], queue.revision

    def waiting(self) -> Iterator[str]:
        """The ids of all jobs that wait for workers."""
        more, last = True, ""
        while more:
            page = self._records.scan(WAITING, after=last, limit=1000)
            yield from (job_of(record.key) for record in page.records)
            more, last = page.more, page.records[-1].key if page.records else ""

    def watch_queue(self, from_revision: int) -> Watch:
        """Changes of the queue: new jobs, jobs to cancel, jobs that have ended."""
        return self._records.watch(QUEUE, from_revision)

    def watch_jobs(self) -> Watch:
        """Changes of all jobs from now on."""
        now = self._records.scan(QUEUE, limit=1).revision  # that of all records; the queue is shorter than the jobs
        return self._records.watch(JOBS, now + 1)

    def _transact(self, expectations: list[Expect], writes: list[Write], job: Job) -> bool:
        try:
            return not isinstance(self._records.transact(expectations, writes), Conflict)
        except Unknown:
            current = self.find(job.id)  # the response was lost, but the outcome can be read
            if current and current.job == job:
                return True
            raise


def _listed(job: Job) -> Job:
    """The job as it is stored together with its lists; versions that know none drop the mark."""
    return job.model_copy(update={"lists": VERSION})


def _listing(key: str, job: Job) -> Write:
    """A job's record in a list."""
    return Write(key, {} if key.startswith(LISTS) else {"job": job.id})


def _lists_of(job: Job) -> frozenset[str]:
    """The keys of the lists that the job may be in."""
    return keys_of(job) if job.lists == VERSION else possible_keys_of(job)


def _moves(before: Job, after: Job) -> list[Write]:
    """What takes the job from the lists that it was in to those where it belongs."""
    old, new = _lists_of(before), keys_of(after)
    added = new if before.lists != VERSION else new - old
    writes = [_listing(key, after) for key in sorted(added)]
    if before.lists != VERSION:
        writes.append(Write(owner_key(after.owner, after.owner_id), {"owner": after.owner}))
    return [Write(key, None) for key in sorted(old - new)] + writes


def _held_while_queued(job: Job) -> list[str]:
    """The keys of the job's place in the queue, and of its output, which no service can keep others from elsewhere."""
    return [QUEUE + job.id, *([_output_key(job)] if job.admitted else [])]


def _output_key(job: Job) -> str:
    return OUTPUTS + sha256(job.output_url)
