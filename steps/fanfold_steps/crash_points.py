"""Crash points: named places before and after every write, at which a test can kill the process.

`FANFOLD_CRASH_AT=map.run.before:3` kills it with SIGKILL when it reaches that point for the third time. Without the
variable, a point costs one comparison. Names are literals in the calls, so that a test can list them from the source.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_armed, _left = "", 0


def arm(at: str) -> None:
    """Die at a point, `NAME.before` or `NAME.after`; at `NAME.before:3` when it is reached for the third time."""
    global _armed, _left
    _armed, _, count = at.partition(":")
    _left = int(count or 1)


arm(os.environ.get("FANFOLD_CRASH_AT", ""))


@contextmanager
def around(write: str) -> Iterator[None]:
    """A write with a point before it and one after it: `WRITE.before` and `WRITE.after`."""
    reached(f"{write}.before")
    yield
    reached(f"{write}.after")


def reached(point: str) -> None:
    """Mark a point in the code, and die here if it is the chosen one."""
    global _left
    if point != _armed:
        return
    _left -= 1
    if not _left:
        os.kill(os.getpid(), signal.SIGKILL)
