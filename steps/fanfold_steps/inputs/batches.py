"""What a map task reads, in batches of records: ranges of input files, or what a task of the previous stage wrote."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.failure.place import at_place
from fanfold_steps.failure.wording import preview
from fanfold_steps.formats import BadRecord, Block, Reader, Source, open_source, read, reader
from fanfold_steps.formats.kept import kept_records
from fanfold_steps.inputs.listing import File
from fanfold_steps.inputs.splits import Split
from fanfold_steps.job.formats import InputFormat, Table, Whole, compression_of
from fanfold_storage.errors import printable
from fanfold_storage.objects import Objects
from fanfold_storage.urls import join_url


class Batch(Protocol):
    """Some neighbouring records."""

    @property
    def bad(self) -> Sequence[BadRecord]:
        """What isn't a valid record of the format, in order; known once `records` has been called."""

    def records(self) -> list[Any]:
        """The valid records, in order."""

    def pairs(self, records: list[Any]) -> list[Any]:
        """Pair `records`, which are the first ones of the batch, with their keys."""

    def position_of(self, number: int, record: Any) -> Position:
        """The position of a valid record, given by its number in the batch."""

    def alone(self, number: int) -> bytes | None:
        """A file of the input's format that holds nothing but a good record; None if it is of no file."""

    def place_of(self, number: int) -> tuple[str, int] | None:
        """A valid record's file, as its path below the input, and its offset; None if it comes from no file."""

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """The failure that says what is wrong with an invalid record, and where it is."""

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """An invalid record's file, as its path below the input, and its offset."""


class Batches(Protocol):
    """Everything that one map task reads. It can be iterated over more than once."""

    @property
    def size(self) -> int:
        """Its approximate size in bytes."""

    def __iter__(self) -> Iterator[Batch]: ...


@dataclass(slots=True)
class FileBatch:
    """Consecutive records of a file. Their keys are the byte offsets at which they begin."""

    block: Block
    source: Source
    path: str
    format: str
    _offsets: Sequence[int] | None = None

    @property
    def url(self) -> str:
        """The file's URL, as errors show it."""
        return printable(self.source.url)

    @property
    def bad(self) -> Sequence[BadRecord]:
        """What isn't a valid record of the format."""
        return self.block.bad

    def records(self) -> list[Any]:
        """The valid records."""
        with at_place(lambda: Position(self.url, _beginning(self.block), "")):
            return self.block.records()

    def pairs(self, records: list[Any]) -> list[Any]:
        """Pair the records with their offsets."""
        return list(zip(self._record_offsets(), records, strict=False))

    def position_of(self, number: int, record: Any) -> Position:
        """The file, and the record's offset in it."""
        return Position(self.url, self._record_offsets()[number], preview(record))

    def alone(self, number: int) -> bytes:
        """A file of the format that holds it."""
        return self.block.alone(number)

    def place_of(self, number: int) -> tuple[str, int]:
        """The file's path and the record's offset."""
        return self.path, self._record_offsets()[number]

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """The failure that says why it isn't a valid record of the format."""
        position = Position(self.url, bad.offset, preview(bad.text))
        return PermanentFailure("input", f"not a valid {self.format} record: {bad.problem}", position=position)

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """The file's path and the invalid record's offset."""
        return self.path, bad.offset

    def _record_offsets(self) -> Sequence[int]:
        """The records' offsets, computed once: a mapper may ask at each record where it is."""
        if self._offsets is None:
            self._offsets = list(self.block.offsets())
        return self._offsets


@dataclass(slots=True)
class KeptBatch(FileBatch):
    """A record that was put aside, as it was in the input file that it came from: `path` and `at` tell where."""

    at: int = 0

    @property
    def url(self) -> str:
        """The file's URL, which is where it lies now, and the path of the one that it came from."""
        return f"{printable(self.source.url)}: {printable(self.path)}"

    def failure(self, bad: BadRecord) -> PermanentFailure:
        """The failure for a file that isn't a record of the format."""
        return FileBatch.failure(self, replace(bad, offset=self.at))

    def place_of_bad(self, bad: BadRecord) -> tuple[str, int]:
        """Where it came from."""
        return self.path, self.at

    def _record_offsets(self) -> Sequence[int]:
        return [self.at]


@dataclass(frozen=True, slots=True)
class FileBatches:
    """The ranges of a split. `open` returns the store at a URL; files are read in pieces of at most `piece` bytes, and
    no record may be longer than `longest` bytes."""

    files: list[File]
    split: Split
    format: InputFormat
    open: Callable[[str], Objects]
    piece: int
    longest: int | None = None
    reads: Callable[[InputFormat], Reader] = reader
    """What reads the format."""

    @property
    def size(self) -> int:
        """The size of the ranges in bytes."""
        return sum(stop - start for _, start, stop in self.split)

    def __iter__(self) -> Iterator[Batch]:
        for number, start, stop in self.split:
            yield from self._range(number, start, stop)
            self._refuse_changed(self.files[number])

    def _range(self, number: int, start: int, stop: int) -> Iterator[Batch]:
        source, reached = self.source(number), start
        with at_place(lambda: Position(printable(source.url), reached, "")):
            if source.is_kept:
                yield from self._kept(source) if start == 0 else ()
                return
            for block in read(self.reads(self.format), source, start, stop):
                reached = _beginning(block)
                yield FileBatch(block, source, self.files[number].key, self.format.format)

    def _kept(self, source: Source) -> Iterator[Batch]:
        """The records of a file of those that a job put aside."""
        for record, alone in kept_records(source):
            for block in reader(self.format).blocks(alone, 0, None):
                yield KeptBatch(block, source, record.path, self.format.format, at=record.offset)

    def source(self, number: int) -> Source:
        """The bytes of a file, given by its number. Raises PermanentFailure: it was changed since, or is an archive."""
        file = self.files[number]
        self._refuse_changed(file)
        archives = _may_be_archive(self.format, file.key)
        compress = compression_of(self.format)
        source = open_source(self.open(file.root), file.key, compress, self.piece, self.longest, archives=archives)
        return replace(source, size=file.size)

    def _refuse_changed(self, file: File) -> None:
        """Raise PermanentFailure if the file has changed: a mixture of two versions would be a result of neither."""
        now = self.open(file.root).stat(file.key)
        if now.size != file.size or int(now.modified) != int(file.modified):  # S3's HEAD has whole seconds only
            url = printable(join_url(file.root, file.key))
            raise PermanentFailure("input", f"{url} was changed after the job began: submit the job again")


def _beginning(block: Block) -> int:
    """The offset of a block's first byte; of rows, their number in the file."""
    return int(getattr(block, "offset", getattr(block, "first", 0)))


def _may_be_archive(format: InputFormat, key: str) -> bool:
    """Whether a format that isn't made of lines reads the file, so that its bytes may look like an archive's."""
    is_bytes = isinstance(format, Whole) and format.binary
    return is_bytes or (isinstance(format, Table) and key.lower().endswith(".parquet"))


def good(batch: Batch) -> list[Any]:
    """The valid records before the first invalid one."""
    records = batch.records()
    return records[: batch.bad[0].number] if batch.bad else records


def demand_good(batch: Batch) -> None:
    """Raise PermanentFailure if the batch has an invalid record."""
    if batch.bad:
        raise batch.failure(batch.bad[0])
