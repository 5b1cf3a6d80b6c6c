"""Python's values of Arrow's arrays, of every type and however they are sliced: those that PyArrow gives itself."""

import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.formats.parquet.reader import ParquetBlock
from fanfold_steps.formats.parquet.to_python import NoPythonValue, python_list, python_rows
from fanfold_steps.formats.values.plain import plain

UNITS = ("s", "ms", "us", "ns")
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "+05:30", "-00:30")
DAY = timedelta(days=1)
FIRST = datetime(1678, 1, 1)


def coarse(values: st.SearchStrategy[Any], unit: str) -> st.SearchStrategy[Any]:
    """Times without what the unit doesn't count."""
    if unit == "s":
        return values.map(lambda value: value.replace(microsecond=0))
    return (
        values.map(lambda value: value.replace(microsecond=value.microsecond // 1000 * 1000))
        if unit == "ms"
        else values
    )


def spans(unit: str) -> st.SearchStrategy[timedelta]:
    """Lengths of time in whole units, which 64 bits hold."""
    a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**6}[unit]
    return st.integers(-(2**43), 2**43).map(lambda count: timedelta(seconds=1) * count / a_second)


def scalars() -> dict[pa.DataType, st.SearchStrategy[Any]]:
    """Types, and values that they hold."""
    times = st.datetimes(FIRST, datetime(2262, 1, 1))
    found: dict[pa.DataType, st.SearchStrategy[Any]] = {
        pa.int8(): st.integers(-128, 127),
        pa.uint64(): st.integers(0, 2**64 - 1),
        pa.float64(): st.floats(allow_nan=False),
        pa.bool_(): st.booleans(),
        pa.string(): st.text(max_size=3),
        pa.large_string(): st.text(max_size=3),
        pa.string_view(): st.text(max_size=3),
        pa.binary(): st.binary(max_size=3),
        pa.binary(2): st.binary(min_size=2, max_size=2),
        pa.date32(): st.dates(),
        pa.date64(): st.dates(),
        pa.decimal128(38, 10): st.decimals(-(10**20), 10**20, places=10),
        pa.decimal256(60, 3): st.decimals(-(10**50), 10**50, places=3),
        pa.decimal32(9, 2): st.decimals(-(10**6), 10**6, places=2),
        pa.null(): st.none(),
        pa.dictionary(pa.int32(), pa.string()): st.text(max_size=2),
        **{pa.timestamp(unit): coarse(times, unit) for unit in UNITS},
        **{pa.timestamp(unit, zone): coarse(times.map(utc), unit) for unit in UNITS for zone in ZONES},
        **{pa.time32(unit): coarse(st.times(), unit) for unit in UNITS[:2]},
        **{pa.time64(unit): st.times() for unit in UNITS[2:]},
        **{pa.duration(unit): spans(unit) for unit in UNITS},
    }
    return found


def utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


SCALARS = scalars()


@st.composite
def types(draw: st.DrawFn, depth: int = 2) -> tuple[pa.DataType, st.SearchStrategy[Any]]:
    """A type, and values that it holds, with nulls."""
    form = draw(st.sampled_from(["scalar", "list", "large", "fixed", "struct", "map"])) if depth else "scalar"
    if form == "scalar":
        scalar = draw(st.sampled_from(list(SCALARS)))
        return scalar, SCALARS[scalar] | st.none()
    item, values = draw(types(depth - 1))
    if form == "map":
        return pa.map_(pa.string(), item), st.lists(st.tuples(st.text(max_size=2), values), max_size=3) | st.none()
    if form == "struct":
        fields = {"a": values, "b": st.integers(0, 3)}
        return pa.struct([("a", item), ("b", pa.int32())]), st.fixed_dictionaries(fields) | st.none()
    if form == "fixed":
        return pa.list_(item, 2), st.lists(values, min_size=2, max_size=2) | st.none()
    return (pa.list_ if form == "list" else pa.large_list)(item), st.lists(values, max_size=3) | st.none()


@st.composite
def arrays(draw: st.DrawFn) -> pa.Array:
    kind, values = draw(types())
    array = pa.array(draw(st.lists(values, max_size=6)), kind)
    start = draw(st.integers(0, len(array)))
    return array.slice(start, draw(st.integers(0, len(array) - start)))


def without_pairs(type: pa.DataType, value: Any) -> Any:
    """A value of PyArrow's in Python's own types, with dicts for what maps hold, where their keys differ."""
    if value is None:
        return None
    if pa.types.is_map(type):
        pairs = [(key, without_pairs(type.item_type, one)) for key, one in value]
        return dict(pairs) if len(dict(pairs)) == len(pairs) else pairs
    if pa.types.is_struct(type):
        return {field.name: without_pairs(field.type, value[field.name]) for field in type}
    return [without_pairs(type.value_type, one) for one in value] if pa.types.is_nested(type) else plain(value)


@pytest.mark.thorough
@given(arrays())
@settings(max_examples=500, deadline=None)
def test_values_are_those_that_pyarrow_gives(array: pa.Array) -> None:
    expected = [without_pairs(array.type, value) for value in array.to_pylist()]
    for found in (python_list(array), [row["c"] for row in python_rows(["c"], [array])]):
        assert found == expected
        assert list(map(kinds, found)) == list(map(kinds, expected))


def kinds(value: Any) -> Any:
    if isinstance(value, (datetime, time)):
        return type(value), value.utcoffset() if isinstance(value, datetime) else None
    if isinstance(value, Decimal):
        return value.as_tuple()
    return [kinds(one) for one in value] if isinstance(value, list) else type(value)


def beneath_nulls() -> list[pa.Array]:
    """Nulls beneath which lies what their types don't hold."""
    no_word = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([], pa.string()), safe=False)
    far = pa.array([2**62]).view(pa.timestamp("s"))
    is_null = pa.array([True])
    return [
        *(pa.StructArray.from_arrays([one], ["a"], mask=is_null) for one in (no_word, far)),
        *(pa.MapArray.from_arrays([0, 1], ["k"], one, mask=is_null) for one in (no_word, far)),
        *(pa.ListArray.from_arrays([0, 1], one, mask=is_null) for one in (no_word, far)),
        pa.FixedSizeListArray.from_arrays(far, 1, mask=is_null),
    ]


@pytest.mark.parametrize("array", beneath_nulls(), ids=lambda array: str(array.type))
def test_a_null_is_one_whatever_lies_beneath(array: pa.Array) -> None:
    assert python_list(array) == [None]
    assert python_list(pa.concat_arrays([pa.nulls(1, array.type), array])) == [None, None]


def test_rows_keep_the_order_of_their_columns() -> None:
    columns = [pa.array([1]), pa.array([DAY]), pa.array(["x"]), pa.array([{"t": DAY, "n": 1}])]
    assert [list(row.items()) for row in python_rows(["n", "day", "text", "both"], columns)] == [
        [("n", 1), ("day", DAY), ("text", "x"), ("both", {"t": DAY, "n": 1})]
    ]


@pytest.mark.parametrize(
    ("stored", "type", "words"),
    [
        (86_400_000_000, pa.time64("us"), "a time of day outside 0 to 24 hours"),
        (-1, pa.time64("ns"), r"a time with nanoseconds \(999\)"),
        (2_932_897, pa.date32(), "a date outside the years 1 to 9999"),
        (-719_163, pa.date32(), "a date outside the years 1 to 9999"),
        (253_402_300_800, pa.timestamp("s"), "a time outside the years 1 to 9999"),
        (-62_135_596_800_001, pa.timestamp("ms"), "a time outside the years 1 to 9999"),
        (253_402_300_799, pa.timestamp("s", "+01:00"), "a time outside the years 1 to 9999"),
        (2**62, pa.duration("s"), "a duration too long for Python's timedelta"),
    ],
)
def test_what_python_does_not_hold_is_refused(stored: int, type: pa.DataType, words: str) -> None:
    array = pa.array([stored, None], pa.int32() if type == pa.date32() else pa.int64()).view(type)
    with pytest.raises(NoPythonValue, match=f"the column 'c' holds {words}"):
        python_rows(["c"], [array])


def frame_of(array: pa.Array) -> pl.DataFrame:
    return ParquetBlock(0, pa.record_batch({"c": array})).frame()


@pytest.mark.parametrize(
    ("counts", "type", "words"),
    [
        (pa.array([86_400]), pa.time32("s"), "a time of day outside 0 to 24 hours"),
        (pa.array([86_400_000]), pa.time32("ms"), "a time of day outside 0 to 24 hours"),
        (pa.array([-1]), pa.time64("us"), "a time of day outside 0 to 24 hours"),
        (pa.array([86_400_000_000_000]), pa.time64("ns"), "a time of day outside 0 to 24 hours"),
        (pa.array([2**60]), pa.duration("s"), "a time too long, or too far away, for Polars"),
        (pa.array([2**62]), pa.timestamp("s", "UTC"), "a time too long, or too far away, for Polars"),
        (pa.array([-(2**63)]), pa.duration("s"), "a time too long, or too far away, for Polars"),
    ],
)
def test_what_polars_would_take_for_something_else_is_no_frame(counts: pa.Array, type: pa.DataType, words: str) -> None:
    array = counts.cast(pa.int32() if type in (pa.time32("s"), pa.time32("ms")) else pa.int64()).view(type)
    for one in (array, pa.ListArray.from_arrays([0, 1], array)):
        with pytest.raises(NoPythonValue, match=f"the column 'c' holds {words}"):
            frame_of(one)
    with pytest.raises(NoPythonValue, match=rf"the column 'c\.x' holds {words}"):
        frame_of(pa.StructArray.from_arrays([array], ["x"]))


@pytest.mark.parametrize("name", ["+05:30", "Foo/Bar"])
def test_zones_that_polars_does_not_know_are_utc_in_frames(name: str) -> None:
    array = pa.array([0], pa.int64()).view(pa.timestamp("us", name))
    assert frame_of(array)["c"].dtype == pl.Datetime("us", "UTC")
    assert frame_of(pa.ListArray.from_arrays([0, 1], array))["c"].dtype == pl.List(pl.Datetime("us", "UTC"))
    assert frame_of(pa.StructArray.from_arrays([array], ["x"]))["c"].to_list()[0]["x"].isoformat()[:10] == "1970-01-01"
    assert frame_of(array.cast(pa.timestamp("us", "Europe/Berlin")))["c"].dtype == pl.Datetime("us", "Europe/Berlin")


@pytest.mark.thorough
def test_times_are_read_where_nothing_else_has_loaded_pyarrows_functions() -> None:
    """As `pa.array` does, where pandas is installed."""
    code = (
        "import sys; from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow; pa = load_pyarrow()\n"
        "from fanfold_steps.formats.parquet.to_python import python_list\n"
        "print(python_list(pa.nulls(1, pa.timestamp('us'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[None]\n", "")
