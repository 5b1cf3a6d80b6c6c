"""Where the records of a stage go: into parts of the output, or into runs that the next stage maps."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from fanfold_steps import runs
from fanfold_steps.budget import DEFAULT, Budget
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure, shown, user_traceback
from fanfold_steps.formats import Encoder, LineRecords, line_writer, writer
from fanfold_steps.formats.declared import OutputFormat
from fanfold_steps.tree import Task
from fanfold_storage.objects import Objects

WRITE_RECORDS = 8192


class Sink(Protocol):
    """Takes what the tasks of a step give. `kind` says whose records they are: the mapper's, the reducer's."""

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> dict[str, Any]:
        """Take an attempt's records; what its commit has to record, for the whole to become visible.

        Raises:
            PermanentFailure: a record can't be written.
        """

    def drop(self, task: Task, commit: dict[str, Any]) -> None:
        """Remove what an attempt wrote that didn't come to count."""


class Parts:
    """Parts of the output: staged now, and made visible by `finish`."""

    def __init__(
        self, output: Objects, format: OutputFormat, code_root: Path, budget: Budget = DEFAULT, folder: str = ""
    ) -> None:
        self._output = output
        self._folder = folder
        self._budget = budget
        self._format = format
        self._writer = writer(format)
        self._code_root = code_root

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> dict[str, Any]:
        """Stage the task's part."""
        name = f"part-{task.index:05d}{self._writer.suffix}"
        with around("part.stage"):
            staged = self._output.stage(self._folder + name)
        try:
            count, size, digest = 0, 0, hashlib.sha256()
            for number, data in self._encoded(records, kind):
                staged.write(data)
                digest.update(data)
                count += number
                size += len(data)
            with around("part.seal"):
                handle = staged.seal()
        except BaseException:
            staged.abort()
            raise
        part = {"name": name, "handle": handle, "records": count, "bytes": size, "sha256": digest.hexdigest()}
        return {"records": count, "bytes": size, "parts": [part]}

    def drop(self, task: Task, commit: dict[str, Any]) -> None:
        """Drop what was staged."""
        for part in commit["parts"]:
            self._output.abort(part["handle"])

    def _encoded(self, records: Iterable[Any], kind: str) -> Iterator[tuple[int, bytes]]:
        """How many records went in, and the bytes that came out."""
        if isinstance(records, LineRecords) and (lines := line_writer(self._format)):
            encoder = lines.begin()
            yield from ((block.count(b"\n"), encoder.encode([block])) for block in records.blocks)
            yield 0, encoder.end()
            return
        encoder, remaining = self._writer.begin(), iter(records)
        most = 64
        while block := list(islice(remaining, most)):
            try:
                data = encoder.encode(block)
            except Exception as error:
                raise self._unwritable(encoder, block, error, kind) from error
            yield len(block), data
            fitting = len(block) * self._budget.piece // max(len(data), 1)
            most = max(1, min(fitting, 4 * most, WRITE_RECORDS))
        yield 0, encoder.end()

    def _unwritable(self, encoder: Encoder, block: list[Any], error: Exception, kind: str) -> PermanentFailure:
        record = next((record for record in block if not _encodes(encoder, record)), None)
        what = f"a record can't be written as {self._format.format}: {type(error).__name__}: {error}"
        trace = user_traceback(error, self._code_root)
        return PermanentFailure(kind, f"{what} (the record {shown(record)})", trace=trace)


class Runs:
    """Runs of records in the job's tree, in the order in which they came."""

    def __init__(self, objects: Objects, budget: Budget = DEFAULT) -> None:
        self._objects = objects
        self._budget = budget

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> dict[str, Any]:
        """Write the task's run: one segment, and no record has a key."""
        run = _Counted(records)
        try:
            with around("stage.run"):
                size = self._objects.put(task.run(attempt), runs.pack([run], self._budget.block))
        except runs.Unpicklable as error:
            raise PermanentFailure(kind, str(error)) from error
        return {"records": run.count, "bytes": size}

    def drop(self, task: Task, commit: dict[str, Any]) -> None:
        """Delete the run."""
        self._objects.delete(task.run(commit["attempt"]))


class _Counted:
    def __init__(self, records: Iterable[Any]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[runs.Item]:
        for record in self._records:
            self.count += 1
            yield b"", record


def _encodes(encoder: Encoder, record: object) -> bool:
    try:
        encoder.encode([record])
    except Exception:  # noqa: BLE001 — a user's __str__ may raise anything
        return False
    return True
