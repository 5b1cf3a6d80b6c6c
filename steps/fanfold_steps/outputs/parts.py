"""Sinks, which take the records of a stage; and the one that writes them to parts of the output."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.user_frames import user_traceback
from fanfold_steps.failure.wording import shown
from fanfold_steps.formats import Encoder, LineRecords, Unwritable, line_writer, writer
from fanfold_steps.job.formats import OutputFormat
from fanfold_steps.memory.blocks import BlockLength
from fanfold_steps.memory.budget import DEFAULT, Budget
from fanfold_steps.tree.commit import Commit, Part, Written
from fanfold_steps.tree.task import Task
from fanfold_storage.objects import Objects

_FIRST_RECORDS, WRITE_RECORDS = 64, 8192


class Sink(Protocol):
    """Takes the output records of a stage's tasks. `kind` says who emitted them: the mapper or the reducer."""

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> Written:
        """Write an attempt's records.

        Raises:
            PermanentFailure: a record can't be written.
        """

    def drop(self, task: Task, commit: Commit) -> None:
        """Remove what an attempt wrote, because another attempt counts."""


class PartWriter:
    """Stages a part of the output for each task; `finish` makes it visible."""

    def __init__(
        self, output: Objects, format: OutputFormat, code_root: Path, budget: Budget = DEFAULT, folder: str = ""
    ) -> None:
        self._output = output
        self._folder = folder
        self._budget = budget
        self._format = format
        self._writer = writer(format)
        self._code_root = code_root

    def write(self, task: Task, attempt: str, records: Iterable[Any], kind: str) -> Written:
        """Stage the task's part. Raises PermanentFailure."""
        name = f"part-{task.index:05d}{self._writer.suffix}"
        with around("part.stage"):
            staged = self._output.stage(self._folder + name)
        try:
            count, size, digest = 0, 0, hashlib.sha256()
            encoder, encoded = self._encoded(records, kind)
            for number, data in encoded:
                staged.write(data)
                digest.update(data)
                count += number
                size += len(data)
            with around("part.seal"):
                handle = staged.seal()
        except BaseException:
            staged.abort()
            raise
        part = Part(name, handle, count, size, digest.hexdigest(), encoder.columns)
        return Written(count, size, (part,))

    def drop(self, task: Task, commit: Commit | Written) -> None:
        """Abort the staged part."""
        for part in commit.parts:
            self._output.abort(part.handle)

    def _encoded(self, records: Iterable[Any], kind: str) -> tuple[Encoder, Iterator[tuple[int, bytes]]]:
        """The encoder; and step by step, how many records it took and the bytes that it returned."""
        lines = line_writer(self._format)
        if lines and isinstance(records, LineRecords) and records.format == self._format.format:
            return (encoder := lines.begin()), self._encoded_lines(encoder, records.blocks, kind)
        encoder = self._writer.begin()
        return encoder, self._encoded_records(encoder, iter(records), kind)

    def _encoded_lines(self, encoder: Encoder, blocks: Iterable[bytes], kind: str) -> Iterator[tuple[int, bytes]]:
        try:
            yield from ((block.count(b"\n"), encoder.encode([block])) for block in blocks)
        except Unwritable as error:
            raise self._unwritable(encoder, [], error, kind) from error
        yield from ((0, data) for data in encoder.end())

    def _encoded_records(self, encoder: Encoder, remaining: Iterator[Any], kind: str) -> Iterator[tuple[int, bytes]]:
        length = BlockLength(self._budget.piece, _FIRST_RECORDS, WRITE_RECORDS)
        while block := list(islice(remaining, length.items)):
            try:
                data = encoder.encode(block)
            except Exception as error:
                raise self._unwritable(encoder, block, error, kind) from error
            yield len(block), data
            length.learn(len(block), len(data))
        try:
            yield from ((0, data) for data in encoder.end())
        except Unwritable as error:
            raise self._unwritable(encoder, [], error, kind) from error

    def _unwritable(self, encoder: Encoder, block: list[Any], error: Exception, kind: str) -> PermanentFailure:
        what = f"a record can't be written as {self._format.format}"
        if isinstance(error, Unwritable):
            record = f" (the record {shown(error.record)})" if error.record is not None else ""
            return PermanentFailure(kind, f"{what}: {error}{record}")
        unwritable = next((record for record in block if not _encodes(encoder, record)), None)
        message = f"{what}: {type(error).__name__}: {error} (the record {shown(unwritable)})"
        return PermanentFailure(kind, message, trace=user_traceback(error, self._code_root))


def _encodes(encoder: Encoder, record: object) -> bool:
    try:
        encoder.encode([record])
    except Exception:  # noqa: BLE001 — a user's __str__ may raise anything
        return False
    return True
