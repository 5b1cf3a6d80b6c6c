r"""Formats as users declare them, in Python (`CSV(columns=["name", "born"])`) or in JSON (`{"format": "csv", …}`).

They are plain data: a JobSpec holds them, and workers look up the reader and the writer for each.
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fanfold_steps.job.arguments import explain_arguments
from fanfold_steps.job.column_types import UnknownType, names_of

Compression = Literal["gzip", "bz2", "zstd", "xz", "lz4", "none"]
ParquetCompression = Literal["zstd", "snappy", "lz4", "gzip", "brotli", "none"]


class InvalidFormat(ValueError):
    """An invalid declaration of a format; the text says why, and how to fix it."""


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Text:
    """A record is a line that ends with LF or CRLF. A pair is written as `key TAB value`, anything else by `str()`.

    Without `encoding`, text is UTF-8, and other bytes pass through unchanged; a declared encoding is strict.
    `compress` sets the compression of an output. The compression of an input is detected by the file's name or its
    first bytes, unless it is set here (`none` reads the bytes as they are).
    """

    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["text"] = "text"

    def __post_init__(self) -> None:
        _check_encoding(self.encoding)


@explain_arguments()
@dataclass(frozen=True, slots=True)
class JSONL:
    """A record is a line of JSON, always in UTF-8; empty lines are skipped. Tuples are written as arrays."""

    compress: Compression | None = None
    format: Literal["jsonl"] = "jsonl"


@explain_arguments()
@dataclass(frozen=True, slots=True)
class CSV:
    r"""Comma-separated values as Python's `csv` (strict) reads them; empty lines are skipped.

    Records are dicts if the columns have names, from `columns` or from each file's first line. `header` says whether
    files have that line; by default they do unless `columns` is set. Without names, records are lists of strings.

    Newlines may occur inside quotes, so where a record begins depends on everything before it: such files aren't split.
    `quoted_newlines=False` promises that no field holds one, which is checked; then files are split. `quote=None` reads
    quotes as ordinary characters.

    Dicts are written as rows, below a header with their keys (or `columns`) at the beginning of each part; tuples and
    lists as rows, with a header only if `columns` is set.
    """

    header: bool | None = None
    columns: Sequence[str] | None = None
    quoted_newlines: bool = True
    delimiter: str = ","
    quote: str | None = '"'
    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["csv"] = "csv"

    def __post_init__(self) -> None:
        _check_columns(self)
        _check_encoding(self.encoding)
        for name, character in (("delimiter", self.delimiter), ("quote", self.quote)):
            if character is not None and (type(character) is not str or len(character) != 1 or character in "\r\n\0"):
                raise InvalidFormat(f"the {name} is one character, not {character!r}")
        if self.delimiter == self.quote:
            raise InvalidFormat("delimiter and quote must be different characters")


@explain_arguments()
@dataclass(frozen=True, slots=True)
class TSV:
    r"""Tab-separated values, otherwise like `CSV`. If quotes are ordinary characters, set `quote=None`."""

    header: bool | None = None
    columns: Sequence[str] | None = None
    quoted_newlines: bool = True
    quote: str | None = '"'
    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["tsv"] = "tsv"

    def __post_init__(self) -> None:
        _check_columns(self)
        self.as_csv()  # which checks the other fields

    def as_csv(self) -> CSV:
        """The same with the tab as a delimiter."""
        return CSV(self.header, self.columns, self.quoted_newlines, "\t", self.quote, self.encoding, self.compress)


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Fixed:
    """A record is `size` bytes (`bytes`), whatever they are."""

    size: int
    compress: Compression | None = None
    format: Literal["fixed"] = "fixed"

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= 1 << 30:
            raise InvalidFormat(f"a fixed record has between 1 byte and 1 GiB, not {self.size!r:.80} bytes")


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Delimited:
    r"""A record is the text before a delimiter: `Delimited(b"\0")` for `find -print0`.

    The text is decoded as in `Text`. The last record needs no delimiter. If a delimiter begins as it ends, as an empty
    line does (`"\n\n"`), files aren't split.
    """

    delimiter: str
    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["delimited"] = "delimited"

    def __init__(
        self,
        delimiter: str | bytes,
        encoding: str | None = None,
        compress: Compression | None = None,
        format: Literal["delimited"] = "delimited",
    ) -> None:
        if isinstance(delimiter, bytes):
            try:
                delimiter = delimiter.decode(encoding or "utf-8")
            except (UnicodeError, LookupError) as error:
                raise InvalidFormat(f"the delimiter {delimiter!r} isn't {encoding or 'UTF-8'}") from error
        for name, value in zip(self.__slots__, (delimiter, encoding, compress, format), strict=True):
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        _check_encoding(self.encoding)
        end = self.delimiter
        if not end or not isinstance(end, str):
            raise InvalidFormat(f"a delimiter is a string or bytes, of at least one byte, not {end!r:.80}")


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Whole:
    """A record is a whole file, even an empty one: its text as in `Text` or, with `binary`, its bytes."""

    binary: bool = False
    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["whole"] = "whole"

    def __post_init__(self) -> None:
        _check_encoding(self.encoding, lines=False)
        if self.binary and self.encoding:
            raise InvalidFormat("Whole is either binary or has an encoding")


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Parquet:
    """A record is a row, a dict by the columns' names; it needs PyArrow. Files are split by their row groups.

    Written, dicts are rows, and pairs rows of the columns `key` and `value`. All parts of an output have the same
    columns: those of all rows, in types that keep every value, or those of `schema`, a schema of PyArrow or the names
    of types by column (`{"id": "int64", "at": "timestamp[us, UTC]", "tags": "list<string>"}`). What doesn't fit is
    refused. `compress` is the compression inside of what is written.
    """

    compress: ParquetCompression = "zstd"
    schema: dict[str, str] | None = None
    format: Literal["parquet"] = "parquet"

    def __post_init__(self) -> None:
        if self.schema is not None:
            try:
                object.__setattr__(self, "schema", names_of(self.schema))
            except UnknownType as error:
                raise InvalidFormat(f"schema: {error}") from error


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Table:
    """Records are rows, in the format of each file's name: `.csv`, `.tsv`, `.jsonl`, `.parquet`, compressed or not.

    No file is split; declare the format itself to have files split if it allows that.
    """

    compress: Compression | None = None
    format: Literal["table"] = "table"


InputFormat = Text | JSONL | CSV | TSV | Fixed | Delimited | Whole | Parquet | Table
OutputFormat = Text | JSONL | CSV | TSV | Parquet
_FORMATS: dict[str, Any] = {
    "text": Text,
    "jsonl": JSONL,
    "csv": CSV,
    "tsv": TSV,
    "fixed": Fixed,
    "delimited": Delimited,
    "whole": Whole,
    "parquet": Parquet,
    "table": Table,
}


def compression_of(format: InputFormat | OutputFormat) -> Compression | None:
    """The compression of whole files of a format; None if it is detected by their names or first bytes."""
    return "none" if isinstance(format, Parquet) else format.compress


def from_json(data: dict[str, Any]) -> Any:
    """A format from its JSON form, which was checked before it was written."""
    return _FORMATS[data["format"]](**data)


def _check_columns(format: CSV | TSV) -> None:
    columns = format.columns
    if columns is None:
        return
    if (
        not isinstance(columns, Sequence)
        or isinstance(columns, str)
        or not all(isinstance(one, str) for one in columns)
    ):
        raise InvalidFormat(f"columns must be a list of names, not {columns!r:.80}")
    object.__setattr__(format, "columns", tuple(columns))
    if not columns or len(set(columns)) < len(columns):
        raise InvalidFormat(f"columns must be one or more names, all different, not {list(columns)!r}")


def _check_encoding(encoding: str | None, *, lines: bool = True) -> None:
    if encoding is None:
        return
    try:
        line_end = "\n".encode(codecs.lookup(encoding).name)
    except (LookupError, UnicodeError, TypeError) as error:
        raise InvalidFormat(f"Python has no text encoding {encoding!r}") from error
    if lines and line_end.removeprefix(codecs.BOM_UTF8) != b"\n":
        mend = "convert the files to UTF-8"
        raise InvalidFormat(f"lines can't be found in {encoding}, in which a line break isn't the byte 10: {mend}")
