"""The watchdog: ends a worker whose task takes longer than the job allows.

A thread of Python's can't run while C code holds the interpreter's lock, as a regular expression does that backtracks
without end. So behind it stands faulthandler's, which needs no lock: it writes the traceback to a file and ends the
process. The worker that is started next tells it.
"""

import faulthandler
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO

from fanfold_steps.tree import Task

GRACE_SECONDS = 2.0

Bite = Callable[[Task, FrameType | None], None]
"""What ends the process; it is given the task and where its thread is."""


class Watchdog:
    """Watches tasks, if the job has a timeout. `dump` opens what takes the traceback of one that lets no thread run."""

    def __init__(self, seconds: float | None, bite: Bite, dump: Callable[[], IO[str]]) -> None:
        self._seconds = seconds
        self._bite = bite
        self._dump = dump() if seconds else None

    @contextmanager
    def over(self, task: Task) -> Iterator[None]:
        """Watch over a task that this thread does."""
        if not self._seconds or not self._dump:
            yield
            return
        thread = threading.get_ident()
        timer = threading.Timer(self._seconds, lambda: self._bite(task, sys._current_frames().get(thread)))
        timer.daemon = True
        faulthandler.dump_traceback_later(self._seconds + GRACE_SECONDS, exit=True, file=self._dump)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            faulthandler.cancel_dump_traceback_later()
