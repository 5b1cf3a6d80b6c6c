"""Removes what is old: jobs that ended long ago, and code and uploads that no job uses any more.

Files that users stored themselves are never removed. Of replicas, one at a time clears code and uploads.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fanfold_storage.objects import Objects
from fanfold_storage.records import Records
from fanfold_submit.going import LEASE, MOST_AT_ONCE, Going
from fanfold_submit.job_ids import milliseconds_of, time_digits
from fanfold_submit.jobs.bundles import bundle_key
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import UPLOAD, stored_names, stored_names_of
from fanfold_submit.jobs.removal import remove_ended
from fanfold_web.log import logger

log = logger("fanfold_submit")
DAY = 86400.0
UNUSED_EVERY = DAY  # seconds between looks for code and uploads, which list all files
_CODE = re.compile(rf"{bundle_key('')}[0-9a-f]{{64}}")  # what others put there, such as SHA256.zip, is theirs
_SKEW = 60.0  # seconds by which the clocks of replicas may differ


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many seconds things are kept: jobs that have ended (None: for ever), and what no job uses."""

    jobs: float | None
    unused: float

    @classmethod
    def for_days(cls, jobs: float | None, unused: float) -> "Kept":
        """For so many days; what no job uses isn't kept longer than jobs are."""
        return cls(jobs and jobs * DAY, min(unused, jobs or unused) * DAY)


@dataclass(frozen=True, slots=True)
class Cleared:
    """How many of each kind were removed."""

    jobs: int = 0
    bundles: int = 0
    uploads: int = 0


class Clearing:
    """Removes what is older than it is kept."""

    def __init__(
        self,
        records: Records,
        jobs: JobRecords,
        objects: Objects,
        kept: Kept,
        now: Callable[[], float] = time.time,
        named_elsewhere: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Clear these stores.

        Args:
            records: where `jobs` are.
            jobs: the jobs.
            objects: code, uploads and jobs' trees.
            kept: for how long.
            now: the time.
            named_elsewhere: the URLs of code and inputs that jobs to come will use.
        """
        self._records, self._jobs, self._objects = records, jobs, objects
        self._kept, self._now, self._named_elsewhere = kept, now, named_elsewhere
        self._unused_at = 0.0

    def clear(self) -> Cleared:
        """Remove everything that is old now. Raises StorageError: a store is unavailable; the next call continues."""
        jobs = bundles = uploads = 0
        if self._kept.jobs is not None:
            jobs = self._clear_jobs(self._now() - self._kept.jobs)
        if self._now() >= self._unused_at:
            bundles, uploads = self._clear_unused(self._now() - self._kept.unused)
            self._unused_at = self._now() + min(UNUSED_EVERY, self._kept.unused)
        cleared = Cleared(jobs, bundles, uploads)
        if cleared != Cleared():
            log.info("cleared %d jobs, %d code bundles and %d uploads", cleared.jobs, cleared.bundles, cleared.uploads)
        return cleared

    def _clear_jobs(self, oldest: float) -> int:
        """Remove jobs that ended before a time; those that were created later can't have."""
        begin = time_digits(int(oldest * 1000)) + "0" * 11
        ended = (job for job in self._jobs.newest(None, begin) if _ended_before(job, oldest))
        return sum(remove_ended(job.id, self._jobs, self._objects) for job in ended)

    def _clear_unused(self, oldest: float) -> tuple[int, int]:
        """Remove old code and uploads that no job names; how many objects of each there were."""
        old = dict.fromkeys(self._old(oldest))
        if not old:
            return 0, 0
        began = self._now()
        named = set(stored_names(self._named_elsewhere(), self._objects.url))
        for job in self._jobs.newest(None):
            named.update(stored_names_of(job, self._objects.url))
        counts = {True: 0, False: 0}
        unused = [key for key in old if key not in named]
        for start in range(0, len(unused), MOST_AT_ONCE):
            for key in self._removed(unused[start : start + MOST_AT_ONCE], began):
                counts[key.startswith(bundle_key(""))] += 1
        return counts[True], counts[False]

    def _old(self, oldest: float) -> Iterator[str]:
        """The keys of code, and the folders of uploads, in which everything was written before a time."""
        for stat in self._objects.list(bundle_key("")):
            if _CODE.fullmatch(stat.key) and stat.modified < oldest:
                yield stat.key
        latest: dict[str, float] = {}
        for stat in self._objects.list("files/"):
            if upload := UPLOAD.match(stat.key):
                latest[upload[0]] = max(latest.get(upload[0], 0.0), stat.modified)
        yield from (folder for folder, modified in latest.items() if modified < oldest)

    def _removed(self, keys: Iterable[str], began: float) -> Iterator[str]:
        """Remove what no job has come to name since `began`, and yield the objects' keys."""
        going = Going.now(self._records).begin(self._records, keys, self._now())
        if going is None:
            return
        try:
            wanted = self._named_since(began)
            for key in sorted(going.keys - wanted):
                for stat in list(self._objects.list(key)):
                    if self._now() - going.since > LEASE / 2:
                        return  # another replica may take over soon; the rest has its turn next time
                    if stat.key == key or key.endswith("/"):
                        self._objects.delete(stat.key)
                        yield stat.key
        finally:
            going.end(self._records)

    def _named_since(self, began: float) -> set[str]:
        """What jobs name that were admitted since, or a little before."""
        named = set(stored_names(self._named_elsewhere(), self._objects.url))
        for job in self._jobs.newest(None):
            if milliseconds_of(job.id) / 1000 < began - _SKEW:
                break
            named.update(stored_names_of(job, self._objects.url))
        return named


def _ended_before(job: Job, moment: float) -> bool:
    return bool(job.state.final and job.finished and datetime.fromisoformat(job.finished).timestamp() < moment)
