"""Compares the jobs that hold workers with the jobs that run: what one process lost in a crash, any other finds."""

from collections.abc import Collection

from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.queueing.ledger import Ledger
from fanfold_web.log import logger

log = logger("fanfold_submit")


def mend(jobs: JobRecords, ledger: Ledger, queued: Collection[str]) -> None:
    """Take workers back from jobs that have ended, and count jobs that run without having been granted any.

    Args:
        jobs: all jobs.
        ledger: the jobs that hold workers.
        queued: the ids of the jobs that needed reconciling a moment ago.

    Raises StorageError.
    """
    held = ledger.held()
    for job_id in set(held).difference(queued):
        current = jobs.find(job_id)
        if current is None or (current.job.state.final and not jobs.is_queued(current.job)):
            log.warning("job %s has ended and held workers; taking them back", job_id)
            ledger.release(job_id)
    for job_id in set(queued).difference(held):
        current = jobs.find(job_id)
        if current and current.job.admitted and current.job.workflow and not current.job.state.final:
            ledger.enroll(current.job.entry)
