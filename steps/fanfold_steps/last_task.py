"""What a worker was doing when its process died, told to the process that is started in its place.

The engine of one machine names a file for it (FANFOLD_TASK) and says how the process before ended (FANFOLD_ENDED). In a
pod there is neither: there the number of its starts is the only bound.
"""

import json
import os
import re
import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO

from fanfold_steps.cursor import Cursor
from fanfold_steps.failure import PermanentFailure, Position, is_own
from fanfold_steps.tree import JobTree, Task

LINE = 63  # characters
MOST_DEATHS = 4  # at one task, of whichever worker
_FRAME = re.compile(r'  File "(?:.*/fanfold-code-[^/]+/)?(.*)", line (\d+) in (.*)')


class LastTask:
    """The file that names the task that is being done, and what it means to find one there."""

    def __init__(self, tree: JobTree, environ: Mapping[str, str] = os.environ) -> None:
        self._tree = tree
        self._path = Path(environ["FANFOLD_TASK"]) if "FANFOLD_TASK" in environ else None
        self._file: int | None = None
        self._size = 0
        self._ended, _, self._advice = environ.get("FANFOLD_ENDED", "").partition("\t")

    @contextmanager
    def over(self, task: Task) -> Iterator[None]:
        """Name the task as long as it is being done."""
        if self._path is None:
            yield
            return
        self._name(task, None)
        if self._deaths(task) == MOST_DEATHS - 1:
            Cursor.watch = partial(self._name, task)
        try:
            yield
        finally:
            Cursor.watch = None
            self._write("")

    def dump(self) -> IO[str]:
        """Where the traceback of a process that hangs goes."""
        return self._path.open("a") if self._path else sys.__stderr__ or sys.stderr

    def verdict(self, timeout: float | None) -> tuple[Task, PermanentFailure] | None:
        """Why a task that the process before died at ends the job; None if it may be tried again, or there is none."""
        lines = self._path.read_text().splitlines() if self._path and self._path.exists() else []
        if not lines or not lines[0].strip():
            return None
        stage, step, index = lines[0].split()
        task = Task(int(stage), step, int(index))
        if self._tree.find(task.commit) is not None:
            return None
        position = _position(lines.pop(1)) if lines[1:] and lines[1].startswith("{") else None
        if lines[1:]:
            trace = _traceback(lines[1:])
            return task, PermanentFailure("timeout", told_timeout(timeout), trace=trace, position=position)
        return self._counted(task, position) if self._ended else None

    def _counted(self, task: Task, position: Position | None) -> tuple[Task, PermanentFailure] | None:
        deaths = self._deaths(task) + 1
        self._tree.objects.put(_key(task), [f'{{"deaths": {deaths}}}'.encode()])
        if deaths < MOST_DEATHS:
            return None
        message = f"whichever process did this task {self._ended}, {deaths} times by now{self._advice}"
        return task, PermanentFailure("worker", message, position=position)

    def _deaths(self, task: Task) -> int:
        return int((self._tree.find(_key(task)) or {"deaths": 0})["deaths"])

    def _name(self, task: Task, position: Position | None) -> None:
        """Write down what is being done; of a task at which processes die, also at which record."""
        self._write(f"{task.stage} {task.step} {task.index}", f"{json.dumps(asdict(position))}\n" if position else "")

    def _write(self, task: str, record: str = "") -> None:
        """Write in place: cutting the file off each time takes a disk a millisecond."""
        if self._file is None:
            assert self._path
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            weakref.finalize(self, os.close, self._file)
        data = f"{task:{LINE}}\n{record}".encode()
        os.pwrite(self._file, data, 0)
        if len(data) != self._size:
            os.ftruncate(self._file, len(data))
            self._size = len(data)


def _key(task: Task) -> str:
    return f"deaths/{task.stage}-{task.step}-{task.index:05d}.json"


def _position(line: str) -> Position | None:
    try:
        return Position(**json.loads(line))
    except ValueError:  # it died while it wrote that
        return None


def told_timeout(seconds: float | None) -> str:
    """What is said of a task that took too long."""
    limit = f"{seconds:g} s" if seconds else "its time"
    return f"the task had not ended after {limit}, the job's timeout: mend what takes so long, or raise the timeout"


def _traceback(dump: list[str]) -> str:
    """The user's frames of the thread that did the task, as Python prints them; a dump has the innermost first."""
    threads: list[list[str]] = [[]]
    for line in dump:
        if line.startswith(("Thread", "Current thread")):
            threads.append([])
        elif line.startswith("  File"):
            threads[-1].append(line)
    worker = next((lines for lines in threads if any("fanfold_steps/worker.py" in line for line in lines)), [])
    frames = [match for line in reversed(worker) if not is_own(line.split('"')[1]) and (match := _FRAME.match(line))]
    told = [f'  File "{found[1]}", line {found[2]}, in {found[3]}' for found in frames if "importlib" not in found[1]]
    return "\n".join(["Traceback (most recent call last):", *(line for line in told if "<frozen" not in line)])
