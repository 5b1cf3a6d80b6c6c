"""What a map task reads, in batches of records: ranges of input files, or what a task of the stage before gave."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fanfold_steps import runs
from fanfold_steps.failure import PermanentFailure, Position, preview
from fanfold_steps.formats import BadRecord, Block, Source, open_source, read, reader
from fanfold_steps.formats.declared import InputFormat, packing
from fanfold_steps.inputs import Split
from fanfold_steps.listing import File
from fanfold_steps.tree import JobTree, Task
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url


class Batch(Protocol):
    """Some neighbouring records."""

    @property
    def bad(self) -> Sequence[BadRecord]:
        """What was no record, in order; known once `records` has been called."""

    def records(self) -> list[Any]:
        """The good records, in order."""

    def pairs(self, records: list[Any]) -> list[Any]:
        """The first of those records, each with its key."""

    def position_of(self, number: int, record: Any) -> Position:
        """Where a good record is."""

    def place_of(self, number: int) -> tuple[str, int] | None:
        """The file that a good record lies in, by its path below the input, and the offset; None if it lies in none."""

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """What is wrong with what was no record, and where."""

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """The file, by its path below the input, and the offset of what was no record."""


class Batches(Protocol):
    """All that one map task reads; it can be read again."""

    @property
    def size(self) -> int:
        """About how many bytes that is."""

    def __iter__(self) -> Iterator[Batch]: ...


@dataclass(slots=True)
class FileBatch:
    """Records of a file; their keys are the byte offsets at which they begin."""

    block: Block
    source: Source
    path: str
    format: str
    _offsets: Sequence[int] | None = None

    @property
    def url(self) -> str:
        """The file's URL."""
        return self.source.url

    @property
    def bad(self) -> Sequence[BadRecord]:
        """What was no record."""
        return self.block.bad

    def records(self) -> list[Any]:
        """The good records."""
        return self.block.records()

    def pairs(self, records: list[Any]) -> list[Any]:
        """Records with their offsets."""
        return list(zip(self._found(), records, strict=False))

    def position_of(self, number: int, record: Any) -> Position:
        """File and offset."""
        return Position(self.url, self._found()[number], preview(record))

    def place_of(self, number: int) -> tuple[str, int]:
        """Path and offset."""
        return self.path, self._found()[number]

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """That it is no record of the format."""
        position = Position(self.url, bad.offset, preview(bad.text))
        return PermanentFailure("input", f"this is no {self.format} record: {bad.problem}", position=position)

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """Path and offset."""
        return self.path, bad.offset

    def _found(self) -> Sequence[int]:
        """The records' offsets, found once: a mapper may ask at each record where it is."""
        if self._offsets is None:
            self._offsets = list(self.block.offsets())
        return self._offsets


@dataclass(frozen=True, slots=True)
class FileBatches:
    """The ranges of a split. `open` gives the store at a URL; files are read in pieces of so many bytes at most."""

    files: list[File]
    split: Split
    format: InputFormat
    open: Callable[[str], Objects]
    piece: int

    @property
    def size(self) -> int:
        """Bytes of the ranges."""
        return sum(stop - start for _, start, stop in self.split)

    def __iter__(self) -> Iterator[Batch]:
        found = reader(self.format)
        for number, start, stop in self.split:
            file = self.files[number]
            store = self.open(file.root)
            _refuse_changed(store, file)
            source = open_source(store, file.key, packing(self.format), self.piece)
            for block in read(found, source, start, stop):
                yield FileBatch(block, source, file.key, self.format.format)


@dataclass(frozen=True, slots=True)
class StageBatch:
    """Records that a task of the stage before gave. A mapper that takes a key gets that of each pair."""

    task: Task
    first: int
    found: list[Any]
    bad: Sequence[BadRecord] = ()

    def records(self) -> list[Any]:
        """The records."""
        return self.found

    def pairs(self, records: list[Any]) -> list[Any]:
        """The records, which are pairs."""
        return records

    def position_of(self, number: int, record: Any) -> Position:
        """Stage, task and number, in words."""
        part = "part" if self.task.step == "reduce" else "split"
        where = f"stage {self.task.stage}, {part} {self.task.index}, record {self.first + number}"
        return Position(where, None, preview(record))

    def place_of(self, number: int) -> None:
        """None: what an earlier stage gave lies in no file of the input."""

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """What was written as a record is one."""
        raise AssertionError(bad)

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """What was written as a record is one."""
        raise AssertionError(bad)


@dataclass(frozen=True, slots=True)
class StageBatches:
    """The run that a task of the stage before committed."""

    tree: JobTree
    task: Task

    @property
    def size(self) -> int:
        """Bytes of the run."""
        size: int = self.tree.commit_of(self.task)["bytes"]
        return size

    def __iter__(self) -> Iterator[Batch]:
        commit = self.tree.commit_of(self.task)
        run = self.task.run(commit["attempt"])
        first = 0
        for block in runs.read_blocks(self.tree.objects, run, commit["bytes"], 0):
            found = [record for _, record in block]
            yield StageBatch(self.task, first, found)
            first += len(found)


def _refuse_changed(store: Objects, file: File) -> None:
    """Splits were cut for the file as it was; mixing two versions of it would give an answer that neither has."""
    now = store.stat(file.key)
    if now.size != file.size or int(now.modified) != int(file.modified):  # S3's HEAD tells whole seconds only
        url = join_url(file.root, file.key)
        raise PermanentFailure("input", f"{url} was changed after the job began: submit the job anew")
