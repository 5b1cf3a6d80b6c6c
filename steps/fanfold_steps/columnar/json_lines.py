"""Lines of JSON as frames by Polars' own reader, by far the fastest way to them, where it finds the same values.

Polars checks most of what `json` checks. It is silent where an object has a field that isn't in the schema, or one
field twice; where text is expected and something else stands there, it takes that as text; and it rounds large integers
to floats. So what it found is compared with the bytes. Outside of strings a colon stands behind each key and nowhere
else, and a quotation mark before and behind each key and each string: if there are as many as the frame accounts for,
nothing was left out, and nothing but strings became text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from fanfold_steps.formats.values.kinds import EXACT

_ESCAPED = (b"\\u002", b"\\u003")  # among which are the quotation mark and the colon
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(slots=True)
class _Found:
    """What a frame accounts for: fields of all objects, nulls among them, strings, and what these hold."""

    has_escapes: bool
    has_brackets: bool
    fields: int = 0
    nulls: int = 0
    strings: int = 0
    colons: int = 0
    quotes: int = 0

    def add(self, column: pl.Series) -> bool:
        """Account for a field's values, through all that they hold. False: they may differ from those in the bytes."""
        missing = column.null_count()
        self.fields += column.len()
        self.nulls += missing
        return self._add_values(column.drop_nulls() if missing else column)

    def _add_values(self, values: pl.Series) -> bool:
        dtype = values.dtype
        if isinstance(dtype, pl.Struct):
            return all(self.add(values.struct.field(field.name)) for field in dtype.fields)
        if isinstance(dtype, pl.List):
            return self._add_values(values.explode().drop_nulls())
        if dtype == pl.Float64:  # where integers are read as floats, too
            return not (values.abs() >= EXACT).any()
        if dtype == pl.String:
            self.strings += values.len()
            self.colons += _count(values, ":")
            self.quotes += _count(values, '"') if self.has_escapes else 0
            return not (_are_within(values, "{", "}") or (self.has_brackets and _are_within(values, "[", "]")))
        return True


def frame_of_lines(data: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
    """The objects of whole lines as rows; None unless it is certain that `json` finds the same values, of the types."""
    if not schema or any(map(_is_foreign, schema.values())) or any(set(name) & set('":\\') for name in schema):
        return None
    has_escapes = b"\\" in data
    if has_escapes and _is_odd(data):
        return None
    try:
        frame = pl.read_ndjson(data, schema=schema)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    found = _Found(has_escapes, has_brackets=b"[" in data)
    if not frame.height or not all(map(found.add, frame.iter_columns())):
        return None
    keys = data.count(b":") - found.colons
    at_least = found.fields - found.nulls
    if keys != at_least and keys != at_least + _explicit_nulls(data, frame):
        return None
    return frame if data.count(b'"') - found.quotes == 2 * (keys + found.strings) else None


def _is_foreign(dtype: pl.DataType) -> bool:
    """Whether columns of a type are left to `json`: integers of 128 bits, and lists of nothing but nulls."""
    if isinstance(dtype, pl.Struct):
        return not dtype.fields or any(_is_foreign(field.dtype) for field in dtype.fields)  # type: ignore[arg-type]
    if isinstance(dtype, pl.List):
        return dtype.inner == pl.Null or _is_foreign(dtype.inner)  # type: ignore[arg-type]
    return dtype == pl.Int128


def _is_odd(data: bytes) -> bool:
    """Whether there may be escapes that can't be accounted for, or halves of a surrogate pair."""
    if any(escape in data for escape in _ESCAPED):
        return True
    if b"\\ud" not in data and b"\\uD" not in data:
        return False
    return b"\\\\u" in data or _HALF.search(_PAIR.sub(b"", data)) is not None


def _count(texts: pl.Series, character: str) -> int:
    return int(texts.str.count_matches(character, literal=True).sum())


def _are_within(texts: pl.Series, begin: str, end: str) -> bool:
    """Whether a text is how Polars shows a list or an object."""
    return bool(texts.filter(texts.str.starts_with(begin)).str.ends_with(end).any())


def _explicit_nulls(data: bytes, frame: pl.DataFrame) -> int:
    """How many of the frame's nulls stand in the lines, each in that of its row; -1 if that isn't certain."""
    if any(dtype.is_nested() for dtype in frame.dtypes):
        return -1
    lines = pl.Series([data]).cast(pl.String).str.strip_chars_end("\n").str.split("\n").explode()
    if lines.len() != frame.height:
        return -1
    explicit = 0
    for column in frame.iter_columns():
        if column.null_count():
            if f'\\"{column.name}":'.encode() in data:  # the end of another key
                return -1
            told = lines.str.contains(f'"{re.escape(column.name)}": ?null')
            if (told & column.is_not_null()).any():  # the field stands there twice
                return -1
            explicit += int(told.sum())
    return explicit
