"""Values of every type in CSV, TSV and JSON lines, as other tools read them: Polars, PyArrow, DuckDB, Python's own.

They read a column as text, and in the type that its values have. Parquet has tests of its own, `test_parquet_types.py`;
that frames write the bytes that records write is shown by `test_frames_and_records.py`.
"""

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.formats.values.plain import plain, textual
from fanfold_steps.job.formats import CSV, JSONL, TSV
from tests.steps.formats.test_natural_forms import as_field, part
from tests.steps.formats.test_parquet_types import SCALARS, same

pytestmark = pytest.mark.thorough

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-9))])
KINDS: dict[str, tuple[st.SearchStrategy[Any], Any, Any, str]] = {
    "whole": (st.integers(-(2**63), 2**63 - 1), pl.Int64(), pa.int64(), "BIGINT"),
    "float": (st.floats(), pl.Float64(), pa.float64(), "DOUBLE"),
    "bool": (st.booleans(), None, pa.bool_(), "BOOLEAN"),
    "text": (st.text(st.characters(exclude_characters="\0", codec="utf-8")), pl.String(), pa.string(), "VARCHAR"),
    "date": (st.dates(), pl.Date(), pa.date32(), "DATE"),
    "datetime": (st.datetimes(), pl.Datetime("us"), pa.timestamp("us"), "TIMESTAMP"),
    "instant": (
        st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES),
        None,
        pa.timestamp("us", "UTC"),
        "TIMESTAMPTZ",
    ),
    "time": (st.times(), pl.Time(), pa.time64("us"), "TIME"),
    "decimal": (st.decimals(-(10**30), 10**30, places=3), pl.Decimal(38, 3), pa.decimal128(38, 3), "DECIMAL(38, 3)"),
    "uuid": (st.uuids(), None, None, "UUID"),
    **{name: (SCALARS[name], None, None, "") for name in ("duration", "enum", "fraction", "numpy times")},
}
TABLES = {"csv": CSV(), "tsv": TSV()}
DUCKDB = duckdb.connect()
DUCKDB.execute("SET TimeZone = 'UTC'")
PART = Path(tempfile.mkdtemp()) / "part"


@st.composite
def one_kind(draw: st.DrawFn) -> tuple[str, list[Any]]:
    name = draw(st.sampled_from(list(KINDS)))
    return name, draw(st.lists(KINDS[name][0] | st.none(), min_size=1, max_size=6))


def by_csv(data: bytes, delimiter: str) -> list[Any]:
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""), delimiter=delimiter, strict=True)
    return [row["c"] for row in rows]


def by_polars(data: bytes, delimiter: str) -> list[Any]:
    return pl.read_csv(data, separator=delimiter, infer_schema=False, empty_string_is_null=False)["c"].to_list()


def by_pyarrow(data: bytes, delimiter: str, type: Any = None) -> list[Any]:
    found: pa.Table = pa.csv.read_csv(
        io.BytesIO(data),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types={"c": type or pa.string()}, null_values=[""], strings_can_be_null=False
        ),
    )
    values: list[Any] = found["c"].to_pylist()
    return values


def by_duckdb(data: bytes, delimiter: str, type: str = "VARCHAR") -> list[Any]:
    PART.write_bytes(data)
    read = f"read_csv('{PART}', delim='{delimiter}', header=true, quote='\"', columns={{'n': 'INT', 'c': 'VARCHAR'}})"
    cast = "coalesce(c, '')" if type == "VARCHAR" else f"CAST(nullif(c, '') AS {type})"
    values: list[Any] = DUCKDB.sql(f"SELECT {cast} AS c FROM {read} ORDER BY n").to_arrow_table()["c"].to_pylist()
    return values


TEXTS: dict[str, Callable[[bytes, str], list[Any]]] = {
    "csv": by_csv, "Polars": by_polars, "PyArrow": by_pyarrow, "DuckDB": by_duckdb,
}  # fmt: skip


@pytest.mark.parametrize("form", TABLES)
@given(one_kind())
def test_fields_are_read_as_the_text_that_they_are(form, column):
    _, values = column
    data, delimiter = part(TABLES[form], rows(values)), "\t" if form == "tsv" else ","
    expected = ["" if value is None else as_field(value) for value in values]
    for name, read in TEXTS.items():
        assert read(data, delimiter) == expected, name


def rows(values):
    return [{"n": number, "c": value} for number, value in enumerate(values)]


@given(one_kind())
def test_fields_are_read_as_values_of_their_type(column):
    kind, values = column
    _, of_polars, of_pyarrow, of_duckdb = KINDS[kind]
    data, expected = part(CSV(), rows(values)), [None if value == "" else value for value in values]
    if of_polars:
        texts = pl.Series(by_polars(data, ","), dtype=pl.String).replace("", None)
        assert_same(expected, parsed(texts, of_polars).to_list(), "Polars")
    if of_pyarrow:
        found = by_pyarrow(data, ",", of_pyarrow)
        assert_same(expected, [None if value == "" else value for value in found], "PyArrow")
    if of_duckdb:
        found = by_duckdb(data, ",", of_duckdb)
        assert_same(expected, [None if value == "" else value for value in found], "DuckDB")


def parsed(texts: pl.Series, type: Any) -> pl.Series:
    if isinstance(type, pl.Datetime):
        return texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us")
    if isinstance(type, pl.Date):
        return texts.str.to_date("%Y-%m-%d")
    return texts.str.to_time("%H:%M:%S%.f") if isinstance(type, pl.Time) else texts.cast(type)


def assert_same(values: list[Any], found: list[Any], reader: str) -> None:
    assert len(values) == len(found)
    for value, one in zip(values, found, strict=True):
        assert same(value, one), (reader, value, one)


JSON_TYPES: dict[type, tuple[Any, Any, str]] = {
    int: (pl.Int64, pa.int64(), "BIGINT"),
    float: (pl.Float64, pa.float64(), "DOUBLE"),
    bool: (pl.Boolean, pa.bool_(), "BOOLEAN"),
    str: (pl.String, pa.string(), "VARCHAR"),
}


@given(one_kind())
def test_json_lines_are_read_as_what_they_hold(column):
    _, values = column
    expected = [textual(plain(value)) for value in values]
    if any(isinstance(value, float) and not math.isfinite(value) for value in expected):
        with pytest.raises(ValueError, match="NaN or an infinity"):
            part(JSONL(), rows(values))
        return
    data = part(JSONL(), rows(values))
    kind = next((type(value) for value in expected if value is not None), str)
    of_polars, of_pyarrow, of_duckdb = JSON_TYPES[kind]
    PART.write_bytes(data)
    schema = pa.schema([("n", pa.int64()), ("c", of_pyarrow)])
    read = f"read_json('{PART}', format='newline_delimited', columns={{'n': 'INT', 'c': '{of_duckdb}'}})"
    found = {
        "json": [json.loads(line)["c"] for line in data.decode().split("\n")[:-1]],
        "Polars": pl.read_ndjson(data, schema={"n": pl.Int64, "c": of_polars})["c"].to_list(),
        "PyArrow": pa.json.read_json(
            io.BytesIO(data), parse_options=pa.json.ParseOptions(explicit_schema=schema)
        )["c"].to_pylist(),
        "DuckDB": DUCKDB.sql(f"SELECT c FROM {read} ORDER BY n").to_arrow_table()["c"].to_pylist(),
    }  # fmt: skip
    for name, ones in found.items():
        assert ones == expected, name
