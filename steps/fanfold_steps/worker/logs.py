"""A worker's log: what is printed while it does its tasks is passed on, and kept in the job tree up to a limit, with
what Fanfold says of the tasks."""

import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TextIO

from fanfold_steps.failure.wording import shortened
from fanfold_steps.logs.line import NO_TASK, LogLine, Mark
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_steps.worker.child_output import ChildOutput
from fanfold_storage.errors import StorageError

LARGEST_LOG = 1 << 20  # bytes of a worker, through all its starts
LARGEST_OWN = 512 << 10  # more, for what Fanfold says of tasks
PIECE_BYTES = 64 << 10
LAST_LINES, LONGEST_LINE = 20, 500
LONGEST_BEGUN = 64 << 10  # characters without a line break
FULL = "this worker has printed more than is kept; the rest is omitted"


class Logs:
    """A worker's log: lines with their times and the task at which they were printed, written in pieces.

    logs/WORKER/START-00000.txt     a piece; START is the time at which the process began, so pieces are in order

    The last piece is written anew with each flush until it is full, so that there are few, however long a job runs.
    """

    def __init__(self, tree: JobTree, worker: str) -> None:
        self._tree = tree
        self._worker = worker
        self._folder = f"logs/{worker}/"
        self._name = f"{self._folder}{time.time_ns():020d}"
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._task: Task | None = None
        self._lines: list[LogLine] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._pieces = self._pending = 0
        self._piece = b""
        self._kept: int | None = None
        self._is_full = False
        self._latest = 0.0
        self._progress: tuple[str, Task | None] = ("", None)
        self._told_progress: tuple[str, Task | None] = ("", None)
        self._children: ChildOutput | None = None

    @contextmanager
    def capture(self) -> Iterator[None]:
        """Log what is printed to stdout and stderr while the context is open, also by programs that are started."""
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Tee(before[0], self), _Tee(before[1], self)
        self._children = ChildOutput(self.add)
        try:
            with self._children.capture():
                yield
        finally:
            self._children = None
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
            self._drain()
            with self._lock:
                self._add_progress()
                self._task = None

    @property
    def last(self) -> str:
        """The last lines that the task printed."""
        self._drain()
        with self._lock:
            return "\n".join(shortened(line, LONGEST_LINE) for line in self._last)

    def add(self, line: str) -> None:
        """Log a line that was printed."""
        with self._lock:
            self._last.append(line)
            self._add(line, Mark.PRINTED)

    def say(self, text: str, task: Task | None = None) -> None:
        """Log what Fanfold says of a task; by default, of the one in progress."""
        with self._lock:
            for line in text.split("\n"):
                self._add(shortened(line, LONGEST_LINE), Mark.OWN, task)

    def progress(self, words: str) -> None:
        """Log what the user's code says it is doing, however often it does: the last it says until a flush."""
        self._progress = words, self._task

    def _drain(self) -> None:
        """Log what programs have printed by now, under the task that started them."""
        if children := self._children:
            children.drain()

    def _add_progress(self) -> None:
        words, task = self._progress
        if (words, task) != self._told_progress:
            self._told_progress = words, task
            self._add(words, Mark.PROGRESS, task)

    def _add(self, text: str, mark: Mark, task: Task | None = None) -> None:
        if self._pending < LARGEST_LOG:
            self._latest = max(self._latest, time.time())
            self._pending += len(text)
            at = task or self._task
            self._lines.append(LogLine(self._latest, self._worker, f"{at.stage}/{at}" if at else NO_TASK, mark, text))

    def flush(self) -> None:
        """Write what was logged since the last call. If the store is unavailable, it is kept for the next one."""
        self._drain()
        with self._writing:
            with self._lock:  # released before the write, for which code that prints would have to wait
                self._add_progress()
                lines, self._lines, self._pending = self._lines, [], 0
            if not lines:
                return
            try:
                self._write(lines)
            except StorageError:
                with self._lock:
                    self._lines = lines + self._lines
                    self._pending = sum(len(line.text) for line in self._lines)

    def _write(self, lines: list[LogLine]) -> None:
        if self._kept is None:
            self._kept = sum(stat.size for stat in self._tree.objects.list(self._folder))
        data, is_full = self._within_limits(lines)
        piece = self._piece + data
        self._tree.objects.put(f"{self._name}-{self._pieces:05d}.txt", [piece], hint=True)
        self._kept, self._is_full, self._piece = self._kept + len(data), is_full, piece
        if len(piece) >= PIECE_BYTES:
            self._pieces, self._piece = self._pieces + 1, b""

    def _within_limits(self, lines: list[LogLine]) -> tuple[bytes, bool]:
        """The lines that are still kept, and whether there is no more room for what is printed."""
        kept, is_full = self._kept or 0, self._is_full
        written: list[bytes] = []
        for line in lines:
            encoded = f"{line}\n".encode("utf-8", "backslashreplace")
            room = (LARGEST_LOG + LARGEST_OWN if line.mark is Mark.OWN else LARGEST_LOG) - kept
            if len(encoded) > room:
                if is_full or line.mark is Mark.OWN:
                    continue
                is_full = True
                encoded = f"{replace(line, mark=Mark.OWN, text=FULL)}\n".encode()
            written.append(encoded)
            kept += len(encoded)
        return b"".join(written), is_full


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
