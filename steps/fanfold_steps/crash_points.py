"""Crash points: named places before and after every write, where a test can kill the process.

`FANFOLD_CRASH_AT=map.run.before:3` kills it with SIGKILL when it comes to that point for the third time. Without the
variable a point costs a comparison. Names are literal at the calls, so that a test can list them from the source.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_name, _, _count = os.environ.get("FANFOLD_CRASH_AT", "").partition(":")
_left = int(_count or 1)


@contextmanager
def around(write: str) -> Iterator[None]:
    """A write with a point before it and one after it: `WRITE.before` and `WRITE.after`."""
    reached(f"{write}.before")
    yield
    reached(f"{write}.after")


def reached(point: str) -> None:
    """Tell that the process has come to a point, and die there if that is asked for."""
    global _left
    if point != _name:
        return
    _left -= 1
    if not _left:
        os.kill(os.getpid(), signal.SIGKILL)
