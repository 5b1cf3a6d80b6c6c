"""From a file's bytes to frames: lines in the column `line`, or the columns that the format's records have."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import polars as pl

from fanfold_steps.columnar.json_types import FileTypes
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.place import at_place
from fanfold_steps.formats.jsonl import JSONLBlock
from fanfold_steps.formats.parquet.reader import ParquetBlock, joined
from fanfold_steps.formats.stand_ins import escaped, holds_stand_ins
from fanfold_steps.formats.text import TextBlock
from fanfold_steps.inputs.batches import Batch, FileBatch

LINE, RECORD = "line", "record"
BLOCK_BYTES = 8 << 20  # of lines in a frame: enough to keep Polars busy, little enough for a processor's caches
_SEPARATORS = b"\x01\x02\x03\x04\x05\x06\x07\x0e\x0f\x10"


@dataclass(frozen=True, slots=True)
class InputFrame:
    """Neighbouring records, and the batch that they come from; text that Polars can't hold is `escaped`."""

    frame: pl.DataFrame
    batch: Batch
    escaped: bool = False


def frames(batches: Iterable[Batch], size: int = BLOCK_BYTES) -> Iterator[InputFrame]:
    """The records of batches as frames, of lines about `size` bytes at once.

    Raises:
        PermanentFailure: something is no record of the format, with its position.
    """
    types = FileTypes()
    for batch in _larger(batches, size):
        with at_place(partial(batch.position_of, 0, "")):
            yield from _frames_of(batch, types)


def _frames_of(batch: Batch, types: FileTypes) -> Iterator[InputFrame]:
    """The records of a batch as a frame; none if there are none. Raises PermanentFailure."""
    block = batch.block if isinstance(batch, FileBatch) else None
    if isinstance(block, ParquetBlock):
        yield _of_rows(batch, block)
        return
    if isinstance(block, TextBlock) and not block.data:
        return
    if isinstance(block, TextBlock) and block.end == "\n" and block.encoding is None:
        yield _of_lines(batch, block)
        return
    if isinstance(block, JSONLBlock):
        assert isinstance(batch, FileBatch)
        if (frame := types.framed(block, batch)) is not None:
            yield InputFrame(frame, batch)
        return
    records = batch.records()
    if batch.bad:
        raise batch.failure(batch.bad[0])
    if records:
        yield _of_records(records, batch, LINE if isinstance(block, TextBlock) else RECORD)


def _larger(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Batches, with neighbouring lines, or rows of Parquet, of a file put together."""
    waiting: list[FileBatch] = []
    length = 0
    for batch in batches:
        if type(batch) is not FileBatch or type(batch.block) not in (TextBlock, ParquetBlock):
            yield batch
            continue
        if waiting and (batch.url != waiting[0].url or length >= size):
            yield _joined(waiting)
            waiting, length = [], 0
        waiting.append(batch)
        length += len(batch.block.data) if isinstance(batch.block, TextBlock) else cast(Any, batch.block).batch.nbytes
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[FileBatch]) -> FileBatch:
    if len(batches) == 1:
        return batches[0]
    if isinstance(batches[0].block, ParquetBlock):
        return replace(batches[0], block=joined([cast(ParquetBlock, batch.block) for batch in batches]))
    blocks = [cast(TextBlock, batch.block) for batch in batches]
    whole = replace(blocks[0], data=b"".join([block.data for block in blocks]))
    return replace(batches[0], block=whole)


def _of_rows(batch: Batch, block: ParquetBlock) -> InputFrame:
    try:
        return InputFrame(block.frame(), batch)
    except ValueError as error:
        what = f"these rows of a Parquet file can't be a frame: {error}"
        raise PermanentFailure("input", what, position=batch.position_of(0, "")) from error


def _of_lines(batch: Batch, block: TextBlock) -> InputFrame:
    """Lines by Polars's CSV reader, which is by far its fastest way to them, where it finds the very same ones."""
    data = block.data
    if holds_stand_ins(data):
        return _of_records(block.records(), batch, LINE, escape=True)
    separator = next((byte for byte in _SEPARATORS if byte not in data), None)
    if separator is None or data.endswith(b"\r"):
        return _of_records(block.records(), batch, LINE)
    try:
        frame = pl.read_csv(
            b"\n" + data,  # an empty line first, or what begins with `x^A` would be taken for packed data
            has_header=False,
            schema={LINE: pl.String},
            separator=chr(separator),
            quote_char=None,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:  # not UTF-8
        return _of_records(block.records(), batch, LINE)
    return InputFrame(frame[1:], batch)


def _of_records(records: list[Any], batch: Batch, column: str, *, escape: bool = False) -> InputFrame:
    """A frame of records that were read one by one: dicts become rows, others one column."""
    if isinstance(records[0], list):
        what = "the table's columns have no names, which a frame needs: give the format `columns`"
        raise PermanentFailure("input", what, position=batch.position_of(0, records[0]))
    if isinstance(records[0], dict):
        columns = {name: [record[name] for record in records] for name in records[0]}
    else:
        columns = {column: records}
    if not escape:
        with suppress(UnicodeEncodeError):
            return InputFrame(_framed(columns), batch)
    replaced = {name: list(map(escaped, texts)) for name, texts in columns.items()}
    return InputFrame(_framed(replaced), batch, escaped=True)


def _framed(columns: dict[str, list[Any]]) -> pl.DataFrame:
    kind = pl.Binary if isinstance(next(iter(columns.values()))[0], bytes) else pl.String
    return pl.DataFrame({name: pl.Series(name, values, dtype=kind) for name, values in columns.items()})
