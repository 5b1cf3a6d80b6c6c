"""Tables of whatever format their file's name tells: `.csv`, `.tsv`, `.jsonl` (or `.ndjson`), `.parquet`."""

from collections.abc import Iterator

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.formats.compression import codec_by_suffix
from fanfold_steps.formats.protocol import Block, Reader
from fanfold_steps.formats.sources import Source
from fanfold_steps.job.formats import CSV, JSONL, TSV, InputFormat, Parquet, Table

_BY_SUFFIX: dict[str, InputFormat] = {
    ".csv": CSV(),
    ".tsv": TSV(),
    ".jsonl": JSONL(),
    ".ndjson": JSONL(),
    ".parquet": Parquet(),
}


class TableReader:
    """Reads each file as its name says, as one piece."""

    splittable = False
    reads_empty = False

    def __init__(self, format: Table) -> None:
        pass

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[Block]:
        """The file's records. Raises PermanentFailure: its name tells no format."""
        return _reader(source).blocks(source, start, stop)


def _reader(source: Source) -> Reader:
    from fanfold_steps.formats import reader

    packed = codec_by_suffix(source.key)
    name = source.key.lower().removesuffix(packed.suffix if packed else "")
    for suffix, told in _BY_SUFFIX.items():
        if name.endswith(suffix):
            return reader(told)
    what = f"the file's name tells no format of a table: let it end with {', '.join(_BY_SUFFIX)}"
    raise PermanentFailure("input", what, position=Position(source.url, 0, ""))
