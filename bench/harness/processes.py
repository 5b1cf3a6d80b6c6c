"""One command run to its end: how long it took, and the memory that it and all it started held together."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.02
PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGESIZE")


class CommandFailed(Exception):
    """A command of the bench failed; the text is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. `peak` is 0 unless memory was watched; `processes` is how many shared it then."""

    seconds: float
    peak: int = 0
    processes: int = 0


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    watch_memory: bool = False,
    meanwhile: Callable[[int], None] | None = None,
) -> Run:
    """Run a command, its output thrown away unless it fails. `meanwhile` gets its process id while it runs.

    Raises:
        CommandFailed: it ended with another status than 0.
    """
    started = time.perf_counter()
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        watcher = _Watcher(process.pid) if watch_memory else None
        if meanwhile:
            meanwhile(process.pid)
        said = process.communicate()[0]
    seconds = time.perf_counter() - started
    if watcher:
        watcher.stop()
    if process.returncode:
        raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode()[-2000:]}")
    return Run(seconds, *((watcher.peak, watcher.processes) if watcher else ()))


def bare_interpreter() -> int:
    """Bytes that a Python which does nothing holds."""
    return run([sys.executable, "-I", "-c", "import time; time.sleep(0.5)"], {}, watch_memory=True).peak


class _Watcher:
    """Samples the memory of a process and its descendants in a thread of its own."""

    def __init__(self, pid: int) -> None:
        self.peak = self.processes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            held = [resident(pid) for pid in descendants(self._pid)]
            if sum(held) > self.peak:
                self.peak, self.processes = sum(held), len(held)


def descendants(pid: int) -> list[int]:
    """A process and all that it and its children have started, as far as they are alive."""
    found = [pid]
    for parent in found:
        try:
            for task in (PROC / str(parent) / "task").iterdir():
                found.extend(map(int, (task / "children").read_text().split()))
        except OSError:  # it has ended since
            continue
    return found


def resident(pid: int) -> int:
    """Bytes in memory, mapped files and what is shared with others included."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0
