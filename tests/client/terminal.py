"""A command at a real terminal (a pty of its own): what it asks, what is typed, and what the terminal then shows."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The terminal becomes the process's own, so that a password is asked for there, whatever its stdin is.
START = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"


@dataclass(frozen=True)
class Left:
    """The status with which a command ended, and all that stood on the terminal."""

    status: int
    shown: str


def at_terminal(
    command: Sequence[str], environ: Mapping[str, str], *answers: tuple[str, str], seconds: float = 60
) -> Left:
    """Run a Python command at a terminal; each answer is typed when its question stands there."""
    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-c", START, *command]
    process = subprocess.Popen(
        arguments, env=dict(environ), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, waiting, deadline, seen = "", list(answers), time.monotonic() + seconds, 0
    try:
        while select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                shown += os.read(ours, 4096).decode()
            except OSError:  # so Linux says that nobody holds the terminal any more
                assert not waiting, f"{waiting[0][0]!r} was never asked: {shown}"
                return Left(process.wait(timeout=seconds), shown)
            if waiting and (found := re.compile(re.escape(waiting[0][0])).search(shown, seen)):
                seen = found.end()
                os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        raise AssertionError(f"it stands still after {shown!r}")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
