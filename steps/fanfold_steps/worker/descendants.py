"""Processes that a job's code started: they end with the worker, even those that left its process group (Linux).

A daemon leaves its parent, its group and its session. As the worker adopts what is orphaned below it (prctl(2),
PR_SET_CHILD_SUBREAPER), it still is the worker's descendant; and once the worker itself was killed, its environment
still names the worker's scratch folder. If a service's process adopts orphans, too, it gets those of a worker that was
killed, whatever is in their environment.
"""

import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER in <linux/prctl.h>
ROUNDS = 100  # each kills all that there are; a fork that outran so many would outrun any number


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends; only Linux can."""
    if PROC.is_dir():
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def end_below(pid: int) -> None:
    """Kill all processes below this one, however they fork meanwhile."""
    _end(lambda: _below(pid))


def end_marked(text: str) -> None:
    """Kill all processes that were started with this text in their environment, but for this one."""
    wanted = os.fsencode(text)
    _end(lambda: [pid for pid in _parents() if pid != os.getpid() and wanted in _environment(pid)])


def children() -> list[int]:
    """This process's own children, also those that have ended and wait to be reaped."""
    return [pid for pid, _, parent in _processes() if parent == os.getpid()]


def end_child(pid: int) -> None:
    """Kill a child of this process with all that is below it, and reap it."""
    end_below(pid)
    with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _end(find: Callable[[], list[int]]) -> None:
    for _ in range(ROUNDS):
        found = find()
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    parents = _parents()
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    return sorted(found - {pid})


def _parents() -> dict[int, int]:
    """The parent of every process that runs; those that have ended and wait to be reaped don't count."""
    return {pid: parent for pid, state, parent in _processes() if state not in "ZX"}


def _processes() -> Iterator[tuple[int, str, int]]:
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            yield int(folder.name), state, int(parent)


def _environment(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except OSError:  # it ended meanwhile, or is another user's
        return b""
