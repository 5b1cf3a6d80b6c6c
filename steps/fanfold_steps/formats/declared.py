r"""What people write for a format, in Python (`CSV(columns=["name", "born"])`) or as JSON (`{"format": "csv", …}`).

They are plain data: a JobSpec holds them, workers look up the reader and the writer that go with them.
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fanfold_steps.arguments import told

Compression = Literal["gzip", "bz2", "zstd", "xz", "lz4", "none"]
ParquetCompression = Literal["zstd", "snappy", "lz4", "gzip", "brotli", "none"]


class InvalidFormat(ValueError):
    """A format that can't be, as it is declared; the text says why and how to mend it."""


@told()
@dataclass(frozen=True, slots=True)
class Text:
    """A record is a line, ended by LF or CRLF; it is written as a line, a pair as `key TAB value`, else by `str()`.

    Without an `encoding` it is UTF-8, and bytes that aren't come through unharmed; a named encoding is strict.
    `compress` names how the output is packed; an input's compression is found by its name or its first bytes unless
    it is named here (`none` takes the bytes as they are).
    """

    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["text"] = "text"

    def __post_init__(self) -> None:
        _check_encoding(self.encoding)


@told()
@dataclass(frozen=True, slots=True)
class JSONL:
    """A record is a line of JSON, always UTF-8; empty lines are passed over. Tuples are written as arrays."""

    compress: Compression | None = None
    format: Literal["jsonl"] = "jsonl"


@told()
@dataclass(frozen=True, slots=True)
class CSV:
    r"""Comma-separated values as Python's `csv` (strict) reads them; empty lines are passed over.

    Records are dicts if the columns have names: those in `columns`, else in each file's first record. `header` says
    whether that first record is there; it is unless `columns` are given. Without names records are lists of text.

    Quotes may hold newlines, so where a record begins depends on all that comes before it: such files are not split.
    `quoted_newlines=False` promises that no field holds one (that is checked), and they are. `quote=None` takes
    quotes for plain characters.

    Written, dicts are rows under a header of their keys (of `columns`, if given) at the beginning of each part;
    tuples and lists are rows, with a header only if there are `columns`.
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


@told()
@dataclass(frozen=True, slots=True)
class TSV:
    r"""Tab-separated values: all as in `CSV`, with tabs. Where quotes are plain characters, say `quote=None`."""

    header: bool | None = None
    columns: Sequence[str] | None = None
    quoted_newlines: bool = True
    quote: str | None = '"'
    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["tsv"] = "tsv"

    def __post_init__(self) -> None:
        _check_columns(self)
        self.as_csv()

    def as_csv(self) -> CSV:
        """The same with the tab as a delimiter."""
        return CSV(self.header, self.columns, self.quoted_newlines, "\t", self.quote, self.encoding, self.compress)


@told()
@dataclass(frozen=True, slots=True)
class Fixed:
    """A record is so many bytes (`bytes`), whatever they are."""

    size: int
    compress: Compression | None = None
    format: Literal["fixed"] = "fixed"

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= 1 << 30:
            raise InvalidFormat(f"a fixed record has between 1 byte and 1 GiB, not {self.size!r:.80} bytes")


@told()
@dataclass(frozen=True, slots=True)
class Delimited:
    r"""A record is what comes before a delimiter, as text: `Delimited(b"\0")` for `find -print0`.

    The text is decoded as in `Text`. The last record needs no delimiter after it.
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
            raise InvalidFormat(f"a delimiter is a text, or bytes, of at least one byte, not {end!r:.80}")
        if any(end.startswith(end[-length:]) for length in range(1, len(end))):
            mend = "choose one that doesn't begin as it ends"
            raise InvalidFormat(f"where the delimiter {end!r} ends depends on where reading began: {mend}")


@told()
@dataclass(frozen=True, slots=True)
class Whole:
    """A record is a whole file, the empty ones too: text as in `Text`, or with `binary` its bytes."""

    binary: bool = False
    encoding: str | None = None
    compress: Compression | None = None
    format: Literal["whole"] = "whole"

    def __post_init__(self) -> None:
        _check_encoding(self.encoding, lines=False)
        if self.binary and self.encoding:
            raise InvalidFormat("Whole is either binary or has an encoding")


@told()
@dataclass(frozen=True, slots=True)
class Parquet:
    """A record is a row, a dict by the columns' names; it needs Polars. Files are split by their row groups.

    Written, dicts are rows, and pairs rows of the columns `key` and `value`. The first rows of a part settle the types
    of its columns. `compress` is the compression inside of what is written.
    """

    compress: ParquetCompression = "zstd"
    format: Literal["parquet"] = "parquet"


@told()
@dataclass(frozen=True, slots=True)
class Table:
    """Records are rows, of whatever format a file's name tells: `.csv`, `.tsv`, `.jsonl`, `.parquet`, packed or not.

    Each file is read as one piece: name the format, and those that can be are split.
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


def packing(format: InputFormat | OutputFormat) -> Compression | None:
    """How files of a format are packed as a whole; None if their names or first bytes tell."""
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
        raise InvalidFormat(f"columns are a list of names, not {columns!r:.80}")
    object.__setattr__(format, "columns", tuple(columns))
    if not columns or len(set(columns)) < len(columns):
        raise InvalidFormat(f"columns are names, each another, at least one: not {list(columns)!r}")


def _check_encoding(encoding: str | None, *, lines: bool = True) -> None:
    if encoding is None:
        return
    try:
        line_end = "\n".encode(codecs.lookup(encoding).name)
    except (LookupError, UnicodeError, TypeError) as error:
        raise InvalidFormat(f"Python knows no text encoding {encoding!r}") from error
    if lines and line_end.removeprefix(codecs.BOM_UTF8) != b"\n":
        mend = "convert the files to UTF-8"
        raise InvalidFormat(f"lines can't be found in {encoding}, where a line's end isn't the byte 10: {mend}")
