"""Parts of an output, read back through the format that wrote them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from fanfold.errors import Refused
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats import Source, reader
from fanfold_steps.formats.compression import codec_by_name, codec_by_suffix
from fanfold_steps.inputs.batches import FileBatch, demand_good
from fanfold_steps.job.formats import CSV, JSONL, TSV, OutputFormat, Parquet, Text, compression_of
from fanfold_steps.tree.report import ReportedPart
from fanfold_storage.objects import Objects

PIECE = 1 << 20  # bytes that are decoded at once


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of an output: what the job reported of it, and where it lies."""

    reported: ReportedPart
    store: Objects
    key: str


@dataclass(frozen=True, slots=True)
class OutputFormats:
    """The formats of a job's output and of its named ones."""

    main: OutputFormat
    named: Mapping[str, OutputFormat]

    def of(self, name: str | None) -> OutputFormat:
        """That of an output; None is the job's own. Raises Refused: there is none of that name."""
        if name is None:
            return self.main
        if name not in self.named:
            known = f"its named outputs are {', '.join(self.named)}" if self.named else "it has no named outputs"
            raise Refused(f"the job has no output {name!r:.80}: {known}")
        return self.named[name]


_BY_SUFFIX: Mapping[str, Callable[..., OutputFormat]] = {"txt": Text, "jsonl": JSONL, "csv": CSV, "tsv": TSV}


def format_by_name(part: str) -> OutputFormat:
    """The format of a part, with defaults for what its name doesn't tell.

    >>> format_by_name("part-00000.jsonl.zst").compress, format_by_name("part-00000.parquet").format
    ('zstd', 'parquet')
    """
    codec = codec_by_suffix(part)
    _, _, suffix = part.removesuffix(codec.suffix if codec else "").rpartition(".")
    if suffix == "parquet":
        return Parquet()
    if suffix not in _BY_SUFFIX:
        raise Refused(f"{part} isn't in a format that Fanfold writes: name the job that wrote it")
    return _BY_SUFFIX[suffix](compress=codec.name if codec else None)


def batches(parts: Sequence[StoredPart], format: OutputFormat) -> Iterator[FileBatch]:
    """The records of parts in order, in batches.

    Raises:
        Refused: a part has been changed, and isn't of the format any more.
    """
    with readable():
        read_as = _as_written(parts, format)
        for part in parts:
            yield from _batches_of(part, read_as)


@contextmanager
def readable() -> Iterator[None]:
    """Turns what workers say of a broken input into Refused."""
    try:
        yield
    except PermanentFailure as failure:
        at = failure.position
        where = f" (at {at.source}{'' if at.offset is None else f', byte {at.offset}'})" if at else ""
        raise Refused(f"the output can't be read back: {failure.message}{where}") from failure


def _batches_of(part: StoredPart, format: OutputFormat) -> Iterator[FileBatch]:
    codec = codec_by_name(compression_of(format) or "none")
    source = Source(part.store, part.key, codec, PIECE)
    for block in reader(format).blocks(source, 0, None):
        batch = FileBatch(block, source, part.key, format.format)
        batch.records()  # after which it is known what is bad
        demand_good(batch)
        yield batch


def _as_written(parts: Sequence[StoredPart], format: OutputFormat) -> OutputFormat:
    """The format by which parts are read: the same but for the header, which depends on what the job wrote."""
    if not isinstance(format, CSV | TSV):
        return format
    if format.columns is not None and format.header is not False:
        return replace(format, header=True)
    if format.header is not None:
        return format
    filled = [part for part in parts if part.reported.records]
    if not filled:
        return replace(format, header=True)
    smallest = min(filled, key=lambda part: part.reported.bytes)
    rows = sum(len(batch.records()) for batch in _batches_of(smallest, replace(format, header=False)))
    return replace(format, header=rows > smallest.reported.records)


def records_of(parts: Sequence[StoredPart], format: OutputFormat) -> Iterator[Any]:
    """The records of parts, in order. Raises Refused: as `batches`."""
    for batch in batches(parts, format):
        yield from batch.records()
