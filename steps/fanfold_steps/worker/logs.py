"""A worker's log: what is printed while it does its tasks is passed on, and kept in the job tree up to a limit."""

import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from fanfold_steps.failure.wording import shortened
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_storage.errors import StorageError

LARGEST_LOG = 1 << 20  # bytes of a worker, through all its starts
LAST_LINES, LONGEST_LINE = 20, 500
LONGEST_BEGUN = 64 << 10  # characters without a line break
FULL = "fanfold: this worker has printed more than is kept; the rest is omitted\n"


class Logs:
    """A worker's log: lines under the name of the task that printed them, written in pieces.

    logs/WORKER/START-00000.txt     a piece; START is the time at which the process began, so pieces are in order
    """

    def __init__(self, tree: JobTree, worker: str) -> None:
        self._tree = tree
        self._folder = f"logs/{worker}/"
        self._name = f"{self._folder}{time.time_ns():020d}"
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._task: Task | None = None
        self._lines: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._pieces = self._pending = 0
        self._room: int | None = None

    @contextmanager
    def capture(self) -> Iterator[None]:
        """Log what is printed to stdout and stderr while the context is open."""
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Tee(before[0], self), _Tee(before[1], self)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
            self.flush()

    @contextmanager
    def during(self, task: Task) -> Iterator[None]:
        """Log lines under the task's name while the context is open."""
        with self._lock:
            self._task = task
            self._last.clear()
        try:
            yield
        finally:
            self._task = None

    @property
    def last(self) -> str:
        """The last lines that the task printed."""
        with self._lock:
            return "\n".join(shortened(line, LONGEST_LINE) for line in self._last)

    def add(self, line: str) -> None:
        """Log a line."""
        with self._lock:
            self._last.append(line)
            if (self._room is None or self._room > 0) and self._pending < LARGEST_LOG:
                self._pending += len(line)
                self._lines.append(f"{self._task}: {line}\n" if self._task else f"{line}\n")

    def flush(self) -> None:
        """Write what was printed since the last call. If the store is unavailable, it is kept for the next one."""
        with self._writing:
            with self._lock:  # released before the write, for which code that prints would have to wait
                lines, self._lines, self._pending = self._lines, [], 0
            if not lines:
                return
            try:
                self._write("".join(lines).encode("utf-8", "backslashreplace"))
            except StorageError:
                with self._lock:
                    self._lines = lines + self._lines
                    self._pending = sum(map(len, self._lines))

    def _write(self, data: bytes) -> None:
        if self._room is None:
            self._room = LARGEST_LOG - sum(stat.size for stat in self._tree.objects.list(self._folder))
        if len(data) > self._room:
            data = data[: max(self._room, 0)].rpartition(b"\n")[0] + b"\n" + FULL.encode()
        self._tree.objects.put(f"{self._name}-{self._pieces:05d}.txt", [data], hint=True)
        self._pieces += 1
        self._room -= len(data)


class _Tee:
    """A stream whose text also goes to the log, line by line; in all else it is the stream itself."""

    def __init__(self, stream: TextIO, logs: Logs) -> None:
        self._stream = stream
        self._logs = logs
        self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Pass on the text, and log the lines that are complete."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # text from bytes that weren't UTF-8: no reason to fail
            self._stream.write(text.encode("utf-8", "backslashreplace").decode())
        *lines, self._begun = (self._begun + text).split("\n")
        if len(self._begun) > LONGEST_BEGUN:
            lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            self._logs.add(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Pass on and log several texts."""
        for line in lines:
            self.write(line)
