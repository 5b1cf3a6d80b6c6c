"""Tells threads to end, also those that wait for a watch."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fanfold_storage.records import Change, Watch


class Stopping:
    """Set once. Threads look at it, wait for it, and have their watches closed by it."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._watches: list[Watch] = []

    def set(self) -> None:
        """Let the threads end."""
        self.event.set()
        for watch in list(self._watches):
            watch.close()

    def is_set(self) -> bool:
        """Whether the threads are to end."""
        return self.event.is_set()

    def wait(self, seconds: float) -> None:
        """Wait so many seconds, or until the threads are to end."""
        self.event.wait(seconds)

    @contextmanager
    def closing(self, watch: Watch) -> Iterator[Iterable[Change]]:
        """A watch's changes, which end when the threads are to end; it is closed in any case."""
        self._watches.append(watch)
        try:
            yield () if self.is_set() else watch
        finally:
            self._watches.remove(watch)
            watch.close()
