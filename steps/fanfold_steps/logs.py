"""What is printed while a worker does its tasks: passed on to its output, and kept in the job's tree, up to a bound."""

import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from fanfold_steps.failure import shortened
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.errors import StorageError

LARGEST_LOG = 1 << 20  # bytes of a worker, through all its starts
LAST_LINES, LONGEST_LINE = 20, 500
LONGEST_BEGUN = 64 << 10  # characters without a line's end
FULL = "fanfold: this worker has printed more than is kept; the rest is left out\n"


class Logs:
    """A worker's log: lines under the name of the task that printed them, written in pieces.

    logs/WORKER/START-00000.txt     a piece; START is when the process began, so pieces are in order
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
    def taken(self) -> Iterator[None]:
        """Take in what is printed."""
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Tee(before[0], self), _Tee(before[1], self)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
            self.flush()

    @contextmanager
    def over(self, task: Task) -> Iterator[None]:
        """Put a task's name before what is printed."""
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
        """Take in a line."""
        with self._lock:
            self._last.append(line)
            if (self._room is None or self._room > 0) and self._pending < LARGEST_LOG:
                self._pending += len(line)
                self._lines.append(f"{self._task}: {line}\n" if self._task else f"{line}\n")

    def flush(self) -> None:
        """Write what was printed since the last time. If the store is away, it is kept for the next."""
        with self._writing:
            with self._lock:  # not for as long as it is written: whoever prints would wait
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
    """A stream that also goes into the log, a line at a time; for all else it is the stream itself."""

    def __init__(self, stream: TextIO, logs: Logs) -> None:
        self._stream = stream
        self._logs = logs
        self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Pass on, and take in the lines that are whole."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # text that came of bytes which weren't UTF-8; no reason to fail
            self._stream.write(text.encode("utf-8", "backslashreplace").decode())
        *lines, self._begun = (self._begun + text).split("\n")
        if len(self._begun) > LONGEST_BEGUN:
            lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            self._logs.add(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Pass on and take in."""
        for line in lines:
            self.write(line)
