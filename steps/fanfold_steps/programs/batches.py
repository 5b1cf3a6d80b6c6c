"""What a mapper program writes, in batches, as the map step takes records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fanfold_steps.batches import Batch, Batches, FileBatch, FileBatches
from fanfold_steps.failure import PermanentFailure, Position, preview
from fanfold_steps.formats import BadRecord
from fanfold_steps.formats.text import TextBlock, line
from fanfold_steps.programs import environment, grouping
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.spec import Program
from fanfold_storage.urls import join_url


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Whole lines that a program wrote: one record, for what takes lines; or a record each, made by `records_of`."""

    block: bytes
    program: Program
    as_lines: bool
    bad: Sequence[BadRecord] = ()

    def records(self) -> list[Any]:
        """The lines all together, or a pair of texts for each."""
        return [self.block] if self.as_lines else grouping.pairs(self.block, self.program.key_fields)

    def pairs(self, records: list[Any]) -> list[Any]:
        """The records, if they are pairs."""
        return records

    def position_of(self, number: int, record: Any) -> Position:
        """In the program's output; where in its input that comes from, only the program knows."""
        return Position(f"a line that `{self.program.program}` wrote", None, preview(record))

    def place_of(self, number: int) -> tuple[str, int] | None:
        """Only the program knows."""
        return None

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """Any bytes are lines."""
        raise AssertionError(bad)

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """Any bytes are lines."""
        raise AssertionError(bad)


class ProgramBatches:
    """What a program writes for all that a task reads: for each file in a process of its own, so that it may be told
    which file that is."""

    def __init__(self, programs: Programs, program: Program, batches: Batches, *, as_lines: bool) -> None:
        self._programs = programs
        self._program = program
        self._batches = batches
        self._as_lines = as_lines
        self.records = 0
        """How many lines the program was given."""

    @property
    def size(self) -> int:
        """Bytes of what is read."""
        return self._batches.size

    def __iter__(self) -> Iterator[Batch]:
        return (LineBatch(block, self._program, self._as_lines) for block in self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, in the order in which they are written."""
        self.records = 0
        self._programs.begin()
        for told, about, piece in self._pieces():
            yield from self._programs.lines("mapper", self._program, self._feed(piece), told, about)

    def _pieces(self) -> Iterator[tuple[dict[str, str], str, Batches]]:
        """What goes to one process each, with its environment and words about it."""
        batches = self._batches
        if not isinstance(batches, FileBatches):
            yield {}, "", batches
            return
        for number, start, stop in batches.split:
            file = batches.files[number]
            url = join_url(file.root, file.key)
            piece = replace(batches, split=[(number, start, stop)])
            yield environment.of_range(url, start, stop - start), f" over {url}, bytes {start} to {stop}", piece

    def _feed(self, batches: Iterable[Batch]) -> Iterator[bytes]:
        for batch in batches:
            data = _bytes_of(batch)
            self.records += data.count(b"\n")
            yield data


@dataclass(frozen=True, slots=True)
class Anew:
    """What a function maps for programs: read again, they begin anew, too."""

    programs: Programs
    batches: Batches

    @property
    def size(self) -> int:
        """Bytes of what is read."""
        return self.batches.size

    def __iter__(self) -> Iterator[Batch]:
        self.programs.begin()
        return iter(self.batches)


def _bytes_of(batch: Batch) -> bytes:
    """A batch's lines, each with its end."""
    if isinstance(batch, FileBatch) and isinstance(batch.block, TextBlock):
        data = batch.block.data
        return data if data.endswith(b"\n") else data + b"\n"
    return "".join(map(line, batch.records())).encode("utf-8", "surrogateescape")
