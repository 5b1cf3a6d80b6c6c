"""The trees of the jobs that run: each is read once by this process, for the reconciler and for those who ask."""

import threading
import time
from dataclasses import dataclass, field

from fanfold_steps.summary.task_table import TaskTable
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.progress import Progress, ProgressReader
from fanfold_submit.jobs.job import Job
from fanfold_web.refusals import StoreAway

RECENT = 1.0  # seconds for which what was read answers those who ask; or, if reading took long,
TIMES_AS_LONG = 10  # times as long as that took
LONGEST_RECENT = 10.0  # seconds
PATIENCE = 5.0  # seconds for which these wait while it is read for the first time


@dataclass(slots=True)
class WatchedTree:
    """The tree of a job, with what was read of it so far. May be used by several threads."""

    tree: JobTree
    table: TaskTable = field(default_factory=TaskTable)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reader: ProgressReader | None = None
    _last: tuple[Progress, float] | None = None
    """The progress that was read last, and until when it answers those who ask."""

    def read(self) -> Progress:
        """The job's progress now. Raises StorageError."""
        with self._lock:
            return self._read()

    def recent(self) -> Progress:
        """The job's progress of a moment ago, or now. The first time, all commits are read.

        While another thread is reading, what was read before it is the answer: among 10,000 tasks, reading takes a
        tenth of a second and more.

        Raises:
            StoreAway: another thread is still reading all commits for the first time.
            StorageError: the store is unavailable.
        """
        last = self._last
        if last and (time.monotonic() < last[1] or self._lock.locked()):
            return last[0]
        if not self._lock.acquire(timeout=PATIENCE):
            raise StoreAway("What the job's tasks did is still being read. Try again shortly.")
        try:
            if self._last and time.monotonic() < self._last[1]:
                return self._last[0]
            return self._read()
        finally:
            self._lock.release()

    def _read(self) -> Progress:
        self._reader = self._reader or ProgressReader(self.tree, self.table.add)
        began = time.monotonic()
        progress = self._reader.read()
        now = time.monotonic()
        self._last = progress, now + min(LONGEST_RECENT, max(RECENT, TIMES_AS_LONG * (now - began)))
        return progress


class WatchedTrees:
    """The trees of all jobs that this process watches."""

    def __init__(self) -> None:
        self._trees: dict[str, tuple[int, WatchedTree]] = {}

    def of(self, job: Job) -> WatchedTree:
        """The tree of a job's run."""
        if (watched := self.find(job)) is None:
            watched = WatchedTree(JobTree.open(job.url))
            self._trees[job.id] = job.runs, watched
        return watched

    def find(self, job: Job) -> WatchedTree | None:
        """The tree of a job's run, if this process watches it already."""
        runs, watched = self._trees.get(job.id, (0, None))
        return watched if runs == job.runs else None

    def forget(self, job_id: str) -> None:
        """The job has ended."""
        self._trees.pop(job_id, None)
