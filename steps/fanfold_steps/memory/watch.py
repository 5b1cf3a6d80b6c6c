"""A thread that watches this process's memory while a map loop runs.

Memory is measured between batches of records, which is often enough if each record yields a few pairs. A record that
yields millions would fill the memory before the next measurement. Counting pairs would make the loop a tenth slower for
every job; a thread that wakes up now and then costs nothing measurable.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fanfold_steps.memory.budget import KIB, Budget, resident

SECONDS = 0.02
"""Between two measurements: user code that yields a hundred megabytes a second adds two in that time."""

UNSEEN = KIB * 512
"""Growth between two measurements that may not show, in memory that the process had freed but not returned."""


@contextmanager
def watched(budget: Budget, alarm: Callable[[], None]) -> Iterator[None]:
    """Call `alarm` from another thread when the process has grown by a quarter of its share since the context was
    entered, and again whenever it may have grown by another sixteenth.

    The first threshold is low because sorting and writing take several times the memory of what is held.
    """
    step, stop = budget.share // 16, threading.Event()
    first = resident() + budget.share // 4

    def poll() -> None:
        threshold = first
        while not stop.wait(SECONDS):
            if (now := resident()) > threshold:
                threshold = now + step
                alarm()
            else:  # it follows the memory down, and sinks with time, because some growth doesn't show
                threshold = max(first, min(threshold, now + step) - UNSEEN)

    thread = threading.Thread(target=poll, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
