"""How records are read from bytes and written to them: readers and writers, found by what a spec declares.

source = open_source(objects, key, packing(format))
for block in read(reader(format), source, start, stop):
    block.records(), block.bad

encoder = writer(format).begin()
encoder.encode(records), encoder.end()
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fanfold_steps.formats.compression import Packer, by_name, named
from fanfold_steps.formats.declared import InputFormat, OutputFormat, Table, Text, Whole, packing
from fanfold_steps.formats.lines import LineRecords, LinesWriter
from fanfold_steps.formats.protocol import BadRecord, Block, Encoder, Reader, Writer, read
from fanfold_steps.formats.sources import Source, open_source

__all__ = [
    "BadRecord",
    "Block",
    "Encoder",
    "LineRecords",
    "Reader",
    "Source",
    "Writer",
    "line_writer",
    "open_source",
    "read",
    "reader",
    "unsplittable",
    "writer",
]

_READERS = {
    "text": "text:TextReader",
    "jsonl": "jsonl:JSONLReader",
    "csv": "separated:SeparatedReader",
    "tsv": "separated:SeparatedReader",
    "fixed": "binary:FixedReader",
    "delimited": "text:TextReader",
    "whole": "binary:WholeReader",
    "parquet": "parquet:ParquetReader",
    "table": "table:TableReader",
}
_WRITERS = {
    "text": "text:TextWriter",
    "jsonl": "jsonl:JSONLWriter",
    "csv": "separated_parts:SeparatedWriter",
    "tsv": "separated_parts:SeparatedWriter",
    "parquet": "parquet:ParquetWriter",
}


def reader(format: InputFormat) -> Reader:
    """What reads a format."""
    found: Reader = _load(_READERS[format.format])(format)
    return found


def writer(format: OutputFormat) -> Writer:
    """What writes a format, compressed as it says."""
    plain: Writer = _load(_WRITERS[format.format])(format)
    packed = packing(format)
    return plain if packed in (None, "none") else _PackedWriter(plain, packed)


def line_writer(format: OutputFormat) -> Writer | None:
    """What writes blocks of whole lines in a format; None if its records aren't lines as they are."""
    if not isinstance(format, Text) or format.encoding:
        return None
    plain = LinesWriter()
    return _PackedWriter(plain, format.compress) if format.compress not in (None, "none") else plain


def unsplittable(format: InputFormat, key: str) -> str | None:
    """Why a file of that name is read as one piece, as far as its name and the format tell; None if it can be split."""
    if isinstance(format, Whole):
        return "it is one record"
    codec = named(packing(format)) if packing(format) else by_name(key)
    if codec:
        return f"it is compressed ({codec.name})"
    if isinstance(format, Table):
        return "its name alone tells its format"
    return None if reader(format).splittable else "its quotes may hold newlines"


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"fanfold_steps.formats.{module}"), name)


class _PackedWriter:
    """Writes compressed parts."""

    def __init__(self, plain: Writer, compress: str) -> None:
        codec = named(compress)
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

    def end(self) -> bytes:
        return self._packer.pack(self._plain.end()) + self._packer.end()
