"""Which key has its turn when."""

import heapq
import threading
import time
from collections.abc import Callable


class WorkQueue:
    """Keys and when they are due. One thread at a time has a key; what is put in meanwhile is not lost."""

    def __init__(self, observe_lag: Callable[[float], None] = lambda _: None) -> None:
        """`observe_lag` is called with the seconds for which each key that is taken had been due."""
        self._observe_lag = observe_lag
        self._changed = threading.Condition()
        self._heap: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._taken: set[str] = set()
        self._closed = False

    def put(self, key: str, seconds: float) -> None:
        """Make the key due in so many seconds, unless it is due sooner."""
        moment = time.monotonic() + seconds
        with self._changed:
            if moment < self._due.get(key, float("inf")):
                self._due[key] = moment
                if key not in self._taken:
                    heapq.heappush(self._heap, (moment, key))
                    self._changed.notify()

    def take(self, timeout: float) -> str | None:
        """The next key that is due within `timeout` seconds, or None."""
        end = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
                    heapq.heappop(self._heap)  # it was moved forward, or taken
                now = time.monotonic()
                if self._heap and self._heap[0][0] <= now:
                    moment, key = heapq.heappop(self._heap)
                    del self._due[key]
                    self._taken.add(key)
                    self._observe_lag(now - moment)
                    return key
                if now >= end:
                    break
                soonest = min(end, self._heap[0][0]) if self._heap else end
                self._changed.wait(soonest - now)
        return None

    def done(self, key: str, again: float | None) -> None:
        """Return the key, due again in `again` seconds or, with None, when it is put in again."""
        with self._changed:
            self._taken.discard(key)
            if key in self._due:
                heapq.heappush(self._heap, (self._due[key], key))
                self._changed.notify()
        if again is not None:
            self.put(key, again)

    def close(self) -> None:
        """From now on no key is due, and `take` returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
