"""Values of every type, written to Parquet and read by Polars, PyArrow, DuckDB and ourselves: equal, or refused."""

import dataclasses
import enum
import io
import math
import tempfile
from collections import namedtuple
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.formats import Unwritable, open_source, reader, writer
from fanfold_steps.formats.values.plain import NanoDuration, NanoInstant, NanoTimestamp, plain
from fanfold_steps.job.formats import Parquet
from tests.steps.reading import Chunked


class Colour(enum.Enum):
    RED, GREEN = "red", "green"


@dataclasses.dataclass(frozen=True)
class Point:
    x: int | float
    y: Any = None


class Pair(NamedTuple):
    one: Any
    other: Any


Named = namedtuple("Named", "a b")
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-9, seconds=7))])
SCALARS = {
    "whole": st.integers() | st.integers(-(2**63) - 2, 2**64 + 2) | st.sampled_from([2**53, 2**53 + 1, 2**63, 10**38]),
    "float": st.floats(),
    "number": st.integers(-(2**54), 2**54) | st.floats() | st.decimals(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.decimals() | st.integers(),
    "text": st.text(max_size=5),
    "bytes": st.binary(max_size=5) | st.builds(bytearray, st.binary(max_size=3)),
    "bool": st.booleans(),
    "date": st.dates(),
    "datetime": st.datetimes() | st.builds(pd.Timestamp, st.integers(-(2**60), 2**60)),
    "instant": st.datetimes(timezones=ZONES),
    "time": st.times(),
    "duration": st.timedeltas() | st.builds(lambda n: np.timedelta64(n, "ns"), st.integers(-(2**60), 2**60)),
    "uuid": st.uuids(),
    "enum": st.sampled_from(Colour),
    "fraction": st.fractions(),
    "numpy": st.builds(np.int32, st.integers(-9, 9)) | st.builds(np.float32, st.floats(width=32)),
    "numpy times": st.builds(lambda n: np.datetime64(n, "ns"), st.integers(-(2**62), 2**62)) | st.datetimes(),
}
DUCKDB = duckdb.connect()
DUCKDB.execute("SET TimeZone = 'UTC'")
ANY_SCALAR = st.one_of(*SCALARS.values())


def nested(inner):
    return (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.dictionaries(st.integers(0, 3), inner, max_size=2)
        | st.builds(Point, inner, inner)
        | st.tuples(inner, inner)
        | st.builds(np.array, st.lists(st.integers(-9, 9), max_size=3))
    )


def columns_of_one_kind():
    """Lists of values that have one type, nested alike, or nearly."""
    kinds = [scalar | st.none() for scalar in SCALARS.values()]
    lists = [st.lists(kind, max_size=3) | st.none() for kind in kinds]
    structs = [st.fixed_dictionaries({}, optional={"x": kind, "y": st.lists(kind, max_size=2)}) for kind in kinds]
    maps = [st.dictionaries(st.integers(0, 5), kind, max_size=3) for kind in kinds]
    return st.one_of([st.lists(kind, min_size=1, max_size=8) for kind in (*kinds, *lists, *structs, *maps)])


def columns_of_any_kinds():
    values = st.recursive(ANY_SCALAR | st.none(), nested, max_leaves=5)
    return st.lists(values, min_size=1, max_size=4)


def written(records, **format):
    encoder = writer(Parquet(**format)).begin()
    return encoder.encode(records) + b"".join(encoder.end())


def by_arrow(data):
    return pq.ParquetFile(io.BytesIO(data)).read()


def by_us(data):
    store: Any = Chunked(data, 1 << 20)
    rows: list[Any] = []
    bad: list[Any] = []
    for block in reader(Parquet()).blocks(open_source(store, "f", "none"), 0, None):
        rows += block.records()
        bad += block.bad
    return rows, bad


def same(value, found):
    """Whether what was read is what was written; lacking fields are null, and numbers are equal as numbers."""
    value, found = plain(value), plain(found)
    if isinstance(value, dict) and isinstance(found, dict):
        return value.keys() <= found.keys() and all(same(value.get(name), one) for name, one in found.items())
    if isinstance(value, dict) and isinstance(found, list):  # a map, as its entries
        pairs = [tuple(one.values()) if isinstance(one, dict) else tuple(one) for one in found]
        return len(pairs) == len(value) and same(value, dict(pairs))
    if isinstance(value, list):
        return isinstance(found, list) and len(value) == len(found) and all(map(same, value, found))
    if isinstance(value, float) and math.isnan(value):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(value, Decimal) and value.is_nan():
        return isinstance(found, Decimal) and found.is_nan()
    if any(isinstance(one, NanoTimestamp | NanoInstant | NanoDuration) for one in (value, found)):
        return nanoseconds(value) == nanoseconds(found)
    return value == found and isinstance(value, bool) == isinstance(found, bool)


def nanoseconds(value):
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * 1000
    if isinstance(value, datetime):
        since = datetime(1970, 1, 1, tzinfo=value.tzinfo and UTC)
        return (value - since) // timedelta(microseconds=1) * 1000
    return value


def check_read_back(column):
    records = [{"c": value} for value in column]
    try:
        data = written(records)
    except Unwritable as error:
        assert "the column 'c'" in str(error)
        return
    table = by_arrow(data)
    for name, values in (
        ("pyarrow", table["c"].to_pylist()),
        ("polars", polars_values(data)),
        ("duckdb", duckdb_values(data, table)),
    ):
        assert len(values) == len(column)
        assert all(map(same, column, values)), (name, column, values)
    rows, bad = by_us(data)
    skipped = {one.offset for one in bad}
    kept = [value for number, value in enumerate(column) if number not in skipped]
    assert all(map(same, kept, [row["c"] for row in rows])), (column, rows)
    for one in bad:
        assert "nanoseconds" in one.problem


def polars_values(data):
    return pl.read_parquet(io.BytesIO(data))["c"].to_arrow().to_pylist()


def duckdb_values(data, table, folder=tempfile.mkdtemp()):  # noqa: B008
    """DuckDB's, whose durations are integers, as they are kept."""
    path = Path(folder) / "part.parquet"
    path.write_bytes(data)
    found = DUCKDB.sql(f"SELECT * FROM '{path}'").to_arrow_table()
    kept = table["c"].type
    return (found["c"].cast(kept) if "duration" in str(kept) else found["c"]).to_pylist()


@pytest.mark.thorough
@given(columns_of_one_kind())
@settings(max_examples=400, deadline=None)
def test_a_column_of_one_kind_is_read_as_it_was_written(column):
    check_read_back(column)


@pytest.mark.thorough
@given(columns_of_any_kinds())
@settings(max_examples=300, deadline=None)
def test_any_column_is_read_as_it_was_written_or_refused(column):
    check_read_back(column)


@pytest.mark.parametrize("declared", ["map<string, int64>", "map<int64, date>", "list<map<binary, list<string>>>"])
def test_a_map_without_entries_is_written_as_declared(declared):
    value: Any = [{}] if declared.startswith("list") else {}
    (row,) = by_arrow(written([{"c": value}], schema={"c": declared})).to_pylist()
    assert row == {"c": [[]] if declared.startswith("list") else []}
