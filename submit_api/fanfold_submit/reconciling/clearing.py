"""Removes what is old: jobs that ended long ago, and code and uploads that no job uses any more.

Files that users stored themselves are never removed. Any number of replicas may clear at the same time.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from tempfile import TemporaryFile
from typing import Any

from fanfold_storage.objects import Objects
from fanfold_submit.jobs.bundles import bundle_key
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.removal import remove_ended
from fanfold_web.log import logger

log = logger("fanfold_submit")
DAY = 86400.0
_UPLOAD = re.compile(r"files/[^/]+/uploads/[^/]+/")  # where `fanfold submit` puts local inputs
_BUNDLES = bundle_key("")  # and wheels
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Cleared:
    """How many of each kind were removed."""

    jobs: int
    bundles: int
    uploads: int


class Clearing:
    """Removes what is older than `days`."""

    def __init__(
        self,
        jobs: JobRecords,
        objects: Objects,
        days: float,
        now: Callable[[], float] = time.time,
        named_elsewhere: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Clear what is older than so many days, and isn't among the URLs that are `named_elsewhere` than in jobs."""
        self._named_elsewhere = named_elsewhere
        self._jobs = jobs
        self._objects = objects
        self._seconds = days * DAY
        self._now = now

    def clear(self) -> Cleared:
        """Remove everything that is old now. Raises StorageError: a store is unavailable; the next call continues."""
        oldest = self._now() - self._seconds
        jobs, named = 0, set[str]()
        for job in self._jobs.newest(None):
            if _ended_before(job, oldest) and remove_ended(job.id, self._jobs, self._objects):
                jobs += 1
            else:
                named.update(_names_of(job))
        named.update(self._named_elsewhere())
        cleared = Cleared(jobs, self._clear_bundles(oldest, named), self._clear_uploads(oldest, named))
        if cleared != Cleared(0, 0, 0):
            log.info("cleared %d jobs, %d code bundles and %d uploads", cleared.jobs, cleared.bundles, cleared.uploads)
        return cleared

    def _clear_bundles(self, oldest: float, named: set[str]) -> int:
        """Remove old bundles; one that a new job has come to use meanwhile is put back."""
        count = 0
        for stat in self._objects.list(_BUNDLES):
            url = self._objects.url + stat.key
            if stat.modified >= oldest or url in named:
                continue
            with TemporaryFile() as copy:  # a wheel may be large
                copy.writelines(self._objects.read(stat.key))
                self._objects.delete(stat.key)
                if self._is_wanted(url):
                    copy.seek(0)
                    self._objects.put(stat.key, iter(partial(copy.read, _CHUNK), b""))
                else:
                    count += 1
        return count

    def _is_wanted(self, bundle_url: str) -> bool:
        """Whether a schedule, or a job that hasn't ended, uses the bundle, or wheel.

        Every new job waits or is in the queue.
        """
        if bundle_url in self._named_elsewhere():
            return True
        waiting = (self._jobs.find(job_id) for job_id in (*self._jobs.waiting(), *self._jobs.queue()[0]))
        return any(current and bundle_url in _code_of(current.job) for current in waiting)

    def _clear_uploads(self, oldest: float, named: set[str]) -> int:
        """Remove old files that `fanfold submit` uploaded, if no job has their folder among its inputs."""
        used = {found[0] for name in named if (found := _UPLOAD.match(name.removeprefix(self._objects.url)))}
        count = 0
        for stat in self._objects.list("files/"):
            upload = _UPLOAD.match(stat.key)
            if upload and stat.modified < oldest and upload[0] not in used:
                self._objects.delete(stat.key)
                count += 1
        return count


def _ended_before(job: Job, moment: float) -> bool:
    return bool(job.state.final and job.finished and datetime.fromisoformat(job.finished).timestamp() < moment)


def _names_of(job: Job) -> list[str]:
    """The URLs of the job's code, packages and inputs."""
    inputs: Any = job.conf["inputs"]
    urls = inputs if isinstance(inputs, list) else [url for several in inputs.values() for url in several]
    return [*urls, *_code_of(job)]


def _code_of(job: Job) -> list[str]:
    """The URLs of the job's bundle and of its packages' wheels."""
    dependencies = job.conf["spec"].get("dependencies") or {"wheels": []}
    wheels = [f"{job.conf['wheels_url']}{wheel['sha256']}" for wheel in dependencies["wheels"]]
    return [*wheels, *([job.conf["bundle_url"]] if job.conf.get("bundle_url") else [])]
