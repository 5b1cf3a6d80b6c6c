"""The watchdog: ends a worker whose task takes longer than the job allows.

A Python thread can't run while C code holds the interpreter lock, as a regular expression does that backtracks without
end. The fallback is faulthandler's own thread, which needs no lock: it writes the traceback to a file and ends the
process. The worker that is started next reports it.
"""

import faulthandler
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO

from fanfold_steps.tree.task import Task

GRACE_SECONDS = 2.0

OnTimeout = Callable[[Task, FrameType | None], None]
"""Ends the process; it is called with the task and its thread's current frame."""


class Watchdog:
    """Watches tasks, if the job has a timeout. `dump` opens the file to which faulthandler writes a traceback."""

    def __init__(self, seconds: float | None, on_timeout: OnTimeout, dump: Callable[[], IO[str]]) -> None:
        self._seconds = seconds
        self._on_timeout = on_timeout
        self._dump = dump() if seconds else None

    @contextmanager
    def during(self, task: Task) -> Iterator[None]:
        """Watch a task that this thread does while the context is open."""
        if not self._seconds or not self._dump:
            yield
            return
        thread = threading.get_ident()
        timer = threading.Timer(self._seconds, lambda: self._on_timeout(task, sys._current_frames().get(thread)))
        timer.daemon = True
        faulthandler.dump_traceback_later(self._seconds + GRACE_SECONDS, exit=True, file=self._dump)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            faulthandler.cancel_dump_traceback_later()
