"""How records are read from bytes and written to them: readers and writers, found by what a spec declares.

source = open_source(objects, key, compression_of(format))
for block in read(reader(format), source, start, stop):
    block.records(), block.bad

encoder = writer(format).begin()
encoder.encode(records), *encoder.end()
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from fanfold_steps.formats.compression import Packer, codec_by_name, codec_by_suffix
from fanfold_steps.formats.lines import LineRecords, LinesWriter
from fanfold_steps.formats.protocol import BadRecord, Block, Encoder, Reader, SharedColumns, Unwritable, Writer, read
from fanfold_steps.formats.sources import Source, open_source
from fanfold_steps.job.formats import JSONL, Delimited, InputFormat, OutputFormat, Table, Text, Whole, compression_of

__all__ = [
    "BadRecord",
    "Block",
    "Encoder",
    "LineRecords",
    "Reader",
    "SharedColumns",
    "Source",
    "Unwritable",
    "Writer",
    "line_writer",
    "open_source",
    "read",
    "reader",
    "shared_columns",
    "unsplittable",
    "writer",
]

_READERS = {
    "text": "text:TextReader",
    "jsonl": "jsonl:JSONLReader",
    "csv": "separated.reader:SeparatedReader",
    "tsv": "separated.reader:SeparatedReader",
    "fixed": "binary:FixedReader",
    "delimited": "text:TextReader",
    "whole": "binary:WholeReader",
    "parquet": "parquet.reader:ParquetReader",
    "table": "table:TableReader",
}
_WRITERS = {
    "text": "text:TextWriter",
    "jsonl": "jsonl:JSONLWriter",
    "csv": "separated.writer:SeparatedWriter",
    "tsv": "separated.writer:SeparatedWriter",
    "parquet": "parquet.writer:ParquetWriter",
}
_COLUMNS = {
    "csv": "separated.same_columns:SeparatedColumns",
    "tsv": "separated.same_columns:SeparatedColumns",
    "parquet": "parquet.same_columns:ParquetColumns",
}


def reader(format: InputFormat) -> Reader:
    """What reads a format."""
    found: Reader = _load(_READERS[format.format])(format)
    return found


def writer(format: OutputFormat) -> Writer:
    """What writes a format, compressed as it says."""
    plain: Writer = _load(_WRITERS[format.format])(format)
    packed = compression_of(format)
    return plain if packed in (None, "none") else _PackedWriter(plain, packed)


def shared_columns(format: OutputFormat) -> SharedColumns | None:
    """How parts of a format are given the same columns; None if it has none."""
    place = _COLUMNS.get(format.format)
    return _load(place)(format) if place else None


def line_writer(format: OutputFormat) -> Writer | None:
    """What writes blocks of whole lines in a format; None if its records aren't lines as they are."""
    if not isinstance(format, Text | JSONL) or (isinstance(format, Text) and format.encoding):
        return None
    plain = LinesWriter(".jsonl" if isinstance(format, JSONL) else ".txt")
    return _PackedWriter(plain, format.compress) if format.compress not in (None, "none") else plain


def unsplittable(format: InputFormat, key: str) -> str | None:
    """Why a file of that name is read as one piece, as far as its name and the format tell; None if it can be split."""
    if isinstance(format, Whole):
        return "it is one record"
    codec = codec_by_name(compression_of(format)) if compression_of(format) else codec_by_suffix(key)
    if codec:
        return f"it is compressed ({codec.name})"
    if isinstance(format, Table):
        return "its name alone tells its format"
    if reader(format).splittable:
        return None
    return "its delimiter begins as it ends" if isinstance(format, Delimited) else "its quotes may hold newlines"


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"fanfold_steps.formats.{module}"), name)


class _PackedWriter:
    """Writes compressed parts."""

    def __init__(self, plain: Writer, compress: str) -> None:
        codec = codec_by_name(compress)
        assert codec
        self._plain = plain
        self._codec = codec
        self.suffix = f"{plain.suffix}{codec.suffix}"

    def begin(self) -> Encoder:
        """Begin a part."""
        return _PackedEncoder(self._plain.begin(), Packer(self._codec))


class _PackedEncoder:
    def __init__(self, plain: Encoder, packer: Packer) -> None:
        self._plain = plain
        self._packer = packer

    def encode(self, records: Sequence[Any]) -> bytes:
        return self._packer.pack(self._plain.encode(records))

    def end(self) -> Iterator[bytes]:
        yield from (self._packer.pack(data) for data in self._plain.end())
        yield self._packer.end()

    @property
    def columns(self) -> Any:
        return self._plain.columns
