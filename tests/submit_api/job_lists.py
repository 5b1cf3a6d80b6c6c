"""Lists of jobs beside what a look at all jobs says, and the version of the service that knew no lists."""

from typing import Any

from fanfold_storage.records import Conflict, Expect, Records, Write, scan_all
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.job_records import JOBS, JobAtRevision
from fanfold_submit.jobs.listed import BY_OWNER, BY_TIME, LISTS, keys_of, reversed_id
from fanfold_submit.queueing.entries import QUEUE


def wrong_lists(records: Records) -> set[str]:
    """The keys that lists should have and don't, and those that they have and shouldn't."""
    jobs = [Job.model_validate(record.value) for record in scan_all(records, JOBS).records]
    right = {key for job in jobs for key in keys_of(job)}
    found = {record.key for prefix in (BY_TIME, BY_OWNER, LISTS) for record in scan_all(records, prefix).records}
    return right ^ found


class OldJobRecords:
    """What the version before the lists writes."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def admit(self, job: Job) -> None:
        """A new job, in the two lists that there were."""
        reference = {"job": job.id}
        keys = [QUEUE + job.id, BY_TIME + reversed_id(job.id), f"{BY_OWNER}{job.owner_id}/{reversed_id(job.id)}"]
        writes = [Write(JOBS + job.id, _as_stored(job)), *(Write(key, reference) for key in keys)]
        assert self._records.transact([Expect(write.key, 0) for write in writes], writes) != Conflict()

    def change(self, current: JobAtRevision, after: Job) -> bool:
        """A job in another state."""
        writes = [Write(JOBS + after.id, _as_stored(after))]
        return self._records.transact([Expect(JOBS + after.id, current.revision)], writes) != Conflict()

    def close(self, job: Job) -> None:
        """A job that needs no reconciling any more."""
        self._records.transact([], [Write(QUEUE + job.id, None)])


def _as_stored(job: Job) -> dict[str, Any]:
    """The record of a job whose model has no `lists`."""
    return {name: value for name, value in job.model_dump(mode="json").items() if name != "lists"}
