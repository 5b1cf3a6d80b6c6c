"""Take turns: a machine has room for one node, and a cache for one builder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .shell import say

NODE_LOCK = Path("/run/lock/fanfold-lab.lock")


@contextmanager
def turn(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file, waiting for whoever holds it; the kernel frees it if its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            say(f"Waiting for {what}: process {lock.read().strip() or '?'} has it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
