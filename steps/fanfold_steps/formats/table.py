"""Tables of whatever format their file's name tells: `.csv`, `.tsv`, `.jsonl` (or `.ndjson`), `.parquet`."""

from collections.abc import Callable, Iterator

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

    def __init__(self, format: Table, separated: Callable[[CSV | TSV], Reader] | None = None) -> None:
        self._separated = separated

    def blocks(self, source: Source, start: int, stop: int | None) -> Iterator[Block]:
        """The file's records. Raises PermanentFailure: its name tells no format."""
        return self._reader(source).blocks(source, start, stop)

    def _reader(self, source: Source) -> Reader:
        from fanfold_steps.formats import reader

        told = told_format(source.key)
        if told is None:
            what = f"the file's name tells no format of a table: let it end with {', '.join(_BY_SUFFIX)}"
            raise PermanentFailure("input", what, position=Position(source.url, 0, ""))
        return self._separated(told) if self._separated and isinstance(told, CSV | TSV) else reader(told)


def told_format(key: str) -> InputFormat | None:
    """The format that a file's name tells; None if it tells none.

    >>> told_format("sales/2026.CSV.gz").format, told_format("notes.txt")
    ('csv', None)
    """
    packed = codec_by_suffix(key)
    name = key.lower().removesuffix(packed.suffix if packed else "")
    return next((told for suffix, told in _BY_SUFFIX.items() if name.endswith(suffix)), None)
