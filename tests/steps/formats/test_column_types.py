"""The names of columns' types: what PyArrow calls them is understood, and what is none is refused."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold.rules.spec import InvalidSpec, parse, to_json
from fanfold_steps.formats.parquet.arrow_types import declared_type
from fanfold_steps.job.formats import InvalidFormat, Parquet, from_json
from fanfold_steps.job.spec import JobSpec, StageSpec

ANY: Any = pa
SIMPLE = st.sampled_from(
    [
        *(pa.null(), pa.bool_(), pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.string(), pa.binary()),
        *(pa.date32(), pa.time32("ms"), pa.time64("ns"), pa.timestamp("s"), pa.timestamp("ns", "Europe/Berlin")),
        *(pa.duration("us"), pa.timestamp("us", "+05:30"), pa.decimal128(38, 7)),
    ]
)
TYPES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.builds(pa.list_, inner)
        | st.builds(lambda one, other: pa.struct([("a", one), ("b_2", other)]), inner, inner)
        | st.builds(pa.map_, st.just(pa.string()), inner)
    ),
    max_leaves=5,
)


def bare(type):
    """A type without the names that PyArrow gives to what a list or a map holds."""
    return declared_type(str(type))


@given(TYPES)
def test_what_pyarrow_calls_a_type_is_that_type(type):
    declared: Any = Parquet(schema=ANY.schema([("a", type)])).schema
    assert declared_type(declared["a"]).equals(bare(type))
    assert str(declared_type(declared["a"])).replace("element:", "item:") == str(type)


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("timestamp", pa.timestamp("us")),
        ("timestamp[us, UTC]", pa.timestamp("us", "UTC")),
        ("timestamp[ns, tz=America/New_York]", pa.timestamp("ns", "America/New_York")),
        ("time[s]", pa.time32("s")),
        ("decimal(10, 2)", pa.decimal128(10, 2)),
        ("decimal(3, 3)", pa.decimal128(3, 3)),
        ("decimal(38, 0)", pa.decimal128(38, 0)),
        ("decimal(10)", pa.decimal128(10, 0)),
        ("double", pa.float64()),
        (" list < int64 > ", pa.list_(pa.int64())),
        (
            'struct<"a b, <c>": int64, x: list<string>>',
            pa.struct([("a b, <c>", pa.int64()), ("x", pa.list_(pa.string()))]),
        ),
        ("map<string, map<int64, date>>", pa.map_(pa.string(), pa.map_(pa.int64(), pa.date32()))),
    ],
)
def test_names(name, type):
    assert declared_type(name).equals(type)


@pytest.mark.parametrize(
    "schema",
    [
        *(
            {"a": name}
            for name in ("", "number", "list", "list<>", "list<int64", "list<int64>>", "map<string>", "int64[3]")
        ),
        *(
            {"a": name}
            for name in (
                "struct<int64>",
                "struct<a: int64, a: int64>",
                "decimal(39, 2)",
                "decimal(2, 3)",
                "decimal(0)",
                "decimal",
            )
        ),
        *({"a": name} for name in ("timestamp[m]", "time[us, UTC]", "int64 int64", "timestamp[us, UTC, x]")),
        *({}, "int64", {1: "int64"}, ["a"], 7),
    ],
)
def test_what_is_no_schema_is_refused(schema):
    with pytest.raises(InvalidFormat, match=r"schema: (there is no type|a schema|a column's name)"):
        Parquet(schema=schema)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"a": "timestamp[us, Mars/Base]"}, "there is no time zone 'Mars/Base'"),
        ({"a": "list<timestamp[us, America]>"}, "there is no time zone 'America'"),
        (ANY.schema([("a", pa.int64()), ("a", pa.string())]), "it names the column 'a' twice"),
        (ANY.schema([pa.field("a", pa.int64(), nullable=False)]), "the column 'a' is declared as never null"),
    ],
)
def test_what_would_not_be_followed_is_refused(schema, words):
    with pytest.raises(InvalidFormat, match=f"schema: {words}"):
        Parquet(schema=schema)


def test_a_schema_travels_in_the_spec():
    spec = JobSpec(stages=[StageSpec()], output=Parquet(schema={"key": "string", "value": "map<string, int64>"}))
    data = json.loads(to_json(spec))
    assert data["output"]["schema"] == {"key": "string", "value": "map<string, int64>"}
    assert parse(data).output == spec.output == from_json(data["output"])
    data["output"]["schema"]["key"] = "words"
    with pytest.raises(InvalidSpec, match="there is no type 'words'"):
        parse(data)
