"""What changes of jobs, for all who follow them: one watch of the records, however many followers there are.

The watch begins with the first follower and ends with the last one. If it breaks, all followers are told to come again;
they miss nothing, since each says what it has seen last.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fanfold_storage.errors import StorageError
from fanfold_storage.records import Change, Watch
from fanfold_submit.jobs.job import Job, JobView
from fanfold_submit.jobs.job_records import JOBS, JobAtRevision, JobRecords
from fanfold_web.log import logger

log = logger("fanfold_submit")
MOST_PENDING = 64  # changes of state that a slow follower may be behind; then it has to come again

Turn = tuple[int, str, str]
"""A job's run, state and desired state: what no follower misses. Anything else that changes is progress."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job as it was stored at a revision, as callers see it."""

    revision: int
    turn: Turn
    is_final: bool
    data: str
    """JSON."""


class Follower:
    """What one follower of a job hasn't been told yet. Of several changes that are mere progress, the last one."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._pending: deque[JobEvent] = deque()
        self._lock = threading.Lock()
        self.ended = False
        """Whether nothing more will come: the follower has to come again."""

    def push(self, event: JobEvent) -> None:
        """Add what has happened."""
        with self._lock:
            if self._pending and self._pending[-1].turn == event.turn:
                self._pending.pop()
            self._pending.append(event)
            if len(self._pending) > MOST_PENDING:
                self.ended = True
        self._wake()

    def next_after(self, told: JobEvent) -> JobEvent | None:
        """What comes next for a follower who was told this last: nothing older, and no progress that is history."""
        with self._lock:
            while self._pending and (
                self._pending[0].revision <= told.revision
                or self._pending[0].data == told.data
                or (len(self._pending) > 1 and self._pending[0].turn == told.turn)
            ):
                self._pending.popleft()
            return self._pending[0] if self._pending else None

    def take(self, event: JobEvent) -> None:
        """Forget what the follower has been told."""
        with self._lock:
            if self._pending and self._pending[0] is event:
                self._pending.popleft()

    def end(self) -> None:
        """Say that nothing more comes."""
        self.ended = True
        self._wake()


class Changes:
    """The watch, and those to whom it is passed on."""

    def __init__(self, jobs: JobRecords, view: Callable[[Job], JobView]) -> None:
        self._jobs, self._view = jobs, view
        self._lock = threading.Lock()  # held for moments only, since event loops wait for it
        self._opening = threading.Lock()
        self._followers: dict[str, list[Follower]] = {}
        self._watch: Watch | None = None

    def event(self, current: JobAtRevision) -> JobEvent:
        """The event that tells of a job."""
        job = current.job
        turn = (job.runs, str(job.state), job.desired)
        return JobEvent(current.revision, turn, job.state.final, self._view(job).model_dump_json())

    @contextmanager
    def followed(self, job_id: str, wake: Callable[[], None]) -> Iterator[Follower]:
        """A follower of a job; `wake` is called, in any thread, when there is something for it.

        Entering waits for the store, and raises StorageError; leaving waits for nothing.
        """
        follower = Follower(wake)
        with self._lock:
            self._followers.setdefault(job_id, []).append(follower)
        try:
            with self._opening:
                if self._watch is None:
                    self._open()
            yield follower
        finally:
            self._leave(job_id, follower)

    def close(self) -> None:
        """End the watch; followers are told to come again."""
        if self._watch:
            self._end(self._watch)

    def _open(self) -> None:
        watch = self._jobs.watch_jobs()
        with self._lock:
            self._watch = watch
        threading.Thread(target=self._run, args=(watch,), name="changes-of-jobs", daemon=True).start()

    def _leave(self, job_id: str, follower: Follower) -> None:
        with self._lock:
            others = [other for other in self._followers.get(job_id, ()) if other is not follower]
            if others:
                self._followers[job_id] = others
            else:
                self._followers.pop(job_id, None)
            if not self._followers and self._watch:
                self._watch.close()
                self._watch = None

    def _run(self, watch: Watch) -> None:
        try:
            for change in watch:
                self._pass_on(change)
        except StorageError as error:
            log.warning("the watch of jobs broke; followers come again: %s", error)
        except Exception:
            log.exception("a bug stopped the watch of jobs; followers come again")
        finally:
            self._end(watch)

    def _pass_on(self, change: Change) -> None:
        job_id = change.key.removeprefix(JOBS)
        with self._lock:
            followers = list(self._followers.get(job_id, ()))
        if not followers:
            return
        if change.value is None:  # it was removed
            for follower in followers:
                follower.end()
            return
        event = self.event(JobAtRevision(Job.model_validate(change.value), change.revision))
        for follower in followers:
            follower.push(event)

    def _end(self, watch: Watch) -> None:
        """Tell all followers of this watch to come again."""
        watch.close()
        with self._lock:
            if self._watch is not watch:
                return
            self._watch = None
            followers = [follower for of_job in self._followers.values() for follower in of_job]
            self._followers = {}
        for follower in followers:
            follower.end()
