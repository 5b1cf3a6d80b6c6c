"""The output of a mapper program, in batches, which the map step takes like batches of records."""

import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.wording import preview
from fanfold_steps.formats import BadRecord
from fanfold_steps.formats.sources import Source
from fanfold_steps.formats.text import TextBlock, encode, line
from fanfold_steps.inputs.batches import Batch, Batches, FileBatch, FileBatches
from fanfold_steps.job.spec import Program
from fanfold_steps.programs import collector
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.programs.environment import Piece
from fanfold_storage.urls import join_url, local_path


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Whole lines that a program wrote: all one record if `as_lines`, otherwise a pair of strings for each."""

    block: bytes
    program: Program
    as_lines: bool
    bad: Sequence[BadRecord] = ()

    def records(self) -> list[Any]:
        """The block of lines, or a pair of strings for each line."""
        if self.as_lines:
            return [self.block]
        return collector.pairs(self.block, self.program.key_fields, self.program.separator)

    def pairs(self, records: list[Any]) -> list[Any]:
        """The records, if they are pairs."""
        return records

    def position_of(self, number: int, record: Any) -> Position:
        """The line in the program's output; only the program knows from which of its input."""
        return Position(f"a line that `{self.program.program}` wrote", None, preview(record))

    def alone(self, number: int) -> None:
        """It is in no file of the input."""

    def place_of(self, number: int) -> tuple[str, int] | None:
        """None: only the program knows."""
        return None

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """Never called: any bytes are valid lines."""
        raise AssertionError(bad)

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """Never called: any bytes are valid lines."""
        raise AssertionError(bad)


class ProgramBatches:
    """The output of a program for everything that a task reads. Each file has a process of its own, whose environment
    names the file."""

    def __init__(self, programs: Programs, program: Program, batches: Batches, *, as_lines: bool) -> None:
        self._programs = programs
        self._program = program
        self._batches = batches
        self._as_lines = as_lines
        self.records = 0
        """How many lines were fed to the program."""

    @property
    def size(self) -> int:
        """The size of the program's input in bytes."""
        return self._batches.size

    def __iter__(self) -> Iterator[Batch]:
        return (LineBatch(block, self._program, self._as_lines) for block in self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The program's output in blocks of whole lines."""
        self.records = 0
        batches = self._batches
        if not isinstance(batches, FileBatches):
            yield from self._programs.lines("mapper", self._program, self._feed(batches))
            return
        for number, start, stop in batches.split:
            file = batches.files[number]
            piece = Piece(join_url(file.root, file.key), start, stop)
            if self._program.feed == "path":
                yield from self._over_copy(batches.source(number), piece)
                continue
            feed = self._feed(replace(batches, split=[(number, start, stop)]))
            yield from self._programs.lines("mapper", self._program, feed, piece)

    def _feed(self, batches: Iterable[Batch]) -> Iterator[bytes]:
        numbered = self._program.feed == "numbered lines"
        for batch in batches:
            data = _bytes_of(batch)
            self.records += data.count(b"\n")
            yield _numbered(batch, data) if numbered else data

    def _over_copy(self, source: Source, piece: Piece) -> Iterator[bytes]:
        """Run the program with two arguments, the path of a decompressed copy of a file and the file's own path."""
        name = source.key.rpartition("/")[2].removesuffix(source.codec.suffix if source.codec else "")
        place = str(local_path(source.url) or source.url)
        with tempfile.TemporaryDirectory(prefix="fanfold-input-") as folder:
            copy = Path(folder) / name
            with copy.open("wb") as file:
                file.writelines(source.read())
            self.records += 1
            command = f"{self._program.program} {shlex.join([str(copy), place])}"
            yield from self._programs.lines("mapper", replace(self._program, program=command), [], piece)


def _numbered(batch: Batch, data: bytes) -> bytes:
    """A file's lines, each preceded by its offset and a tab."""
    assert isinstance(batch, FileBatch)
    lines, offsets = data.split(b"\n")[:-1], batch.block.offsets()
    return b"".join([b"%d\t%b\n" % (offset, line) for offset, line in zip(offsets, lines, strict=False)])


def _bytes_of(batch: Batch) -> bytes:
    """A batch's lines, each with its line break; records with another delimiter become lines."""
    if isinstance(batch, FileBatch) and isinstance(batch.block, TextBlock):
        data, end = batch.block.data, encode(batch.block.end, batch.block.encoding)
        if end != b"\n":
            return data.removesuffix(end).replace(end, b"\n") + b"\n"
        return data if not data or data.endswith(b"\n") else data + b"\n"
    return "".join(map(line, batch.records())).encode("utf-8", "surrogateescape")
