"""An exclusive lock on a file, between processes and threads, on POSIX systems and on Windows.

The package `filelock` does the same, but loading it takes half as long as a whole `fanfold status`.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLK:  # what it says after it has waited for ten seconds
                    raise
            else:
                return

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file, which is created if it doesn't exist. Closing the file releases it, as its end does."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # each caller has its own, so threads exclude each other
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)
