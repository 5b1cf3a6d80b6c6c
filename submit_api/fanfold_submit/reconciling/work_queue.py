"""Which job is to be reconciled when."""

import heapq
import threading
import time
from collections.abc import Callable


class WorkQueue:
    """Jobs and when they are due. One thread at a time has a job; what is put in meanwhile is not lost."""

    def __init__(self, observe_lag: Callable[[float], None] = lambda _: None) -> None:
        """`observe_lag` is called with the seconds for which each job that is taken had been due."""
        self._observe_lag = observe_lag
        self._changed = threading.Condition()
        self._heap: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._taken: set[str] = set()
        self._closed = False

    def put(self, job_id: str, seconds: float) -> None:
        """Make the job due in so many seconds, unless it is due sooner."""
        moment = time.monotonic() + seconds
        with self._changed:
            if moment < self._due.get(job_id, float("inf")):
                self._due[job_id] = moment
                if job_id not in self._taken:
                    heapq.heappush(self._heap, (moment, job_id))
                    self._changed.notify()

    def take(self, timeout: float) -> str | None:
        """The next job that is due within `timeout` seconds, or None."""
        end = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
                    heapq.heappop(self._heap)  # it was moved forward, or taken
                now = time.monotonic()
                if self._heap and self._heap[0][0] <= now:
                    moment, job_id = heapq.heappop(self._heap)
                    del self._due[job_id]
                    self._taken.add(job_id)
                    self._observe_lag(now - moment)
                    return job_id
                if now >= end:
                    break
                soonest = min(end, self._heap[0][0]) if self._heap else end
                self._changed.wait(soonest - now)
        return None

    def done(self, job_id: str, again: float | None) -> None:
        """Return the job, due again in `again` seconds or, with None, when it is put in again."""
        with self._changed:
            self._taken.discard(job_id)
            if job_id in self._due:
                heapq.heappush(self._heap, (self._due[job_id], job_id))
                self._changed.notify()
        if again is not None:
            self.put(job_id, again)

    def close(self) -> None:
        """From now on no job is due, and `take` returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
