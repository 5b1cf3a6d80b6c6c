"""Brings jobs into the lists that were stored before there were such lists.

It runs while replicas of the version before it serve. These know nothing of the lists, and drop the mark from every job
that they store; so a job without the mark is brought into its lists again, by the migration or, if it ended after that
had come by, by whoever reconciles it. Any number of replicas may migrate at the same time, and a crash costs nothing.
"""

from collections.abc import Callable

from fanfold_storage.records import Records, Write
from fanfold_submit.jobs.job_records import JOBS, JobRecords
from fanfold_submit.jobs.listed import VERSION
from fanfold_submit.lists.pages import COMPLETE
from fanfold_web.log import logger

log = logger("fanfold_submit")
AT_ONCE = 50  # jobs read at the same time: each may have a megabyte


class Migration:
    """Makes the lists complete, once."""

    def __init__(self, records: Records, jobs: JobRecords) -> None:
        self._records, self._jobs = records, jobs
        self._is_done = False

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Bring every job into its lists, unless that was done. Raises StorageError: the next call starts again."""
        if self._is_done:
            return
        record = self._records.get(COMPLETE)
        if record is None or record.value["version"] != VERSION:
            listed = self._list_all(is_stopping)
            if is_stopping():
                return
            self._records.transact([], [Write(COMPLETE, {"version": VERSION})])
            if listed:
                log.info("brought %d jobs into the lists by state, name and words", listed)
        self._is_done = True

    def _list_all(self, is_stopping: Callable[[], bool]) -> int:
        """Jobs get ids that grow, so those that are admitted meanwhile come last."""
        count, last, more = 0, "", True
        while more and not is_stopping():
            page = self._records.scan(JOBS, after=last, limit=AT_ONCE)
            for record in page.records:
                last = record.key
                if record.value.get("lists") != VERSION:
                    count += self._jobs.list_again(record.key.removeprefix(JOBS))
            more = page.more
        return count
