"""What a worker was doing when its process died, for the process that is started in its place.

The local engine names a file for this (FANFOLD_TASK) and says how the previous process ended (FANFOLD_ENDED). A pod has
neither; there, only the number of restarts is bounded.
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

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.user_frames import is_own
from fanfold_steps.inputs.cursor import Watch
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task

LINE = 63  # characters
MOST_DEATHS = 4  # of processes at one task, whichever worker's
_LOOP = str(Path(__file__).with_name("loop.py"))  # its frames identify the thread that does tasks
_FRAME = re.compile(r'  File "(?:.*/fanfold-code-[^/]+/)?(.*)", line (\d+) in (.*)')


class LastTask:
    """The file that names the task in progress, and what follows if a process starts and finds a task there."""

    def __init__(self, tree: JobTree, environ: Mapping[str, str] = os.environ) -> None:
        self._tree = tree
        self._path = Path(environ["FANFOLD_TASK"]) if "FANFOLD_TASK" in environ else None
        self._file: int | None = None
        self._size = 0
        self._ended, _, self._advice = environ.get("FANFOLD_ENDED", "").partition("\t")
        self.deaths = 0
        """How many processes have died at the task that was begun last."""

    @contextmanager
    def during(self, task: Task) -> Iterator[Watch | None]:
        """Keep the task's name in the file while the context is open.

        If one more death at this task would end the job, the context yields what is to be called with each record.
        """
        if self._path is None:
            yield None
            return
        self._name(task, None)
        try:
            self.deaths = self._deaths(task)
            yield partial(self._name, task) if self.deaths == MOST_DEATHS - 1 else None
        finally:
            self._write("")

    def dump(self) -> IO[str]:
        """Where faulthandler writes the traceback of a process that hangs."""
        return self._path.open("a") if self._path else sys.__stderr__ or sys.stderr

    def verdict(self, timeout: float | None) -> tuple[Task, PermanentFailure] | None:
        """The task at which the previous process died, and the failure that ends the job because of it.

        None if no process died at a task, or if the task may be tried again.
        """
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
            return task, PermanentFailure("timeout", timeout_message(timeout), trace=trace, position=position)
        return self._counted(task, position) if self._ended else None

    def _counted(self, task: Task, position: Position | None) -> tuple[Task, PermanentFailure] | None:
        deaths = self._deaths(task) + 1
        self._tree.objects.put(_key(task), [f'{{"deaths": {deaths}}}'.encode()])
        if deaths < MOST_DEATHS:
            return None
        message = f"the worker {self._ended} on this task, {deaths} times{self._advice}"
        return task, PermanentFailure("worker", message, position=position)

    def _deaths(self, task: Task) -> int:
        return int((self._tree.find(_key(task)) or {"deaths": 0})["deaths"])

    def _name(self, task: Task, position: Position | None) -> None:
        """Write down the task in progress and, for a task at which processes die, its current record."""
        self._write(f"{task.stage} {task.step} {task.index}", f"{json.dumps(asdict(position))}\n" if position else "")

    def _write(self, task: str, record: str = "") -> None:
        """Write in place: truncating the file each time takes a disk a millisecond."""
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
    except ValueError:  # it died while writing this
        return None


def timeout_message(seconds: float | None) -> str:
    """The message for a task that took too long."""
    limit = f"{seconds:g} s, the job's timeout" if seconds else "the job's timeout"
    return f"the task had not ended after {limit}: mend what takes so long, or raise the timeout"


def _traceback(dump: list[str]) -> str:
    """The user's frames of the thread that did the task, as Python prints them; a dump has the innermost first."""
    threads: list[list[str]] = [[]]
    for line in dump:
        if line.startswith(("Thread", "Current thread")):
            threads.append([])
        elif line.startswith("  File"):
            threads[-1].append(line)
    worker = next((lines for lines in threads if any(_LOOP in line for line in lines)), [])
    frames = [match for line in reversed(worker) if not is_own(line.split('"')[1]) and (match := _FRAME.match(line))]
    users = [frame for frame in frames if "importlib" not in frame[1] and "<frozen" not in frame[1]]
    shown = [f'  File "{frame[1]}", line {frame[2]}, in {frame[3]}' for frame in users]
    return "\n".join(["Traceback (most recent call last):", *shown])
