"""Dates, times, durations and decimals in frames: what they are counted as, what comes back, and what is refused."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fanfold_steps.columnar import grouping
from fanfold_steps.columnar.grouping import Accumulator
from fanfold_steps.columnar.python import first_row, python_values
from fanfold_steps.columnar.shape import as_frame, normalized
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats.values.plain import NanoDuration, NanoInstant, NanoTime, NanoTimestamp
from fanfold_steps.job.spec import Aggregate
from fanfold_steps.memory.budget import Budget

BEFORE = -1_001  # nanoseconds: a microsecond before 1970, and one nanosecond


def counted(counts: list[int | None], dtype: Any) -> pl.Series:
    return pl.Series("c", counts, dtype=pl.Int64).cast(dtype)


def carried(column: pl.Series) -> list[Any]:
    """Its values, as a job that only carries them gives them."""
    frame, shape = normalized(pl.DataFrame([pl.Series("k", range(len(column))), column]), ["c"], escaped=False)
    return python_values(frame["c"], shape.values["c"])


def _no_spill(full: Accumulator) -> None:
    pytest.fail("there is memory enough")


@pytest.fixture(autouse=True, params=["rows together", "states apart"])
def grouped_at_once(request, monkeypatch):
    """All rows, or those of each frame, whose states are then of different types."""
    if request.param == "states apart":
        monkeypatch.setattr(grouping, "GROUP_ROWS", 1)


def aggregated(name: Any, *columns: pl.Series) -> Any:
    """What an aggregation makes of columns that come one after the other, under one key."""
    accumulator = Accumulator({"c": Aggregate(name)}, Budget(1 << 30), _no_spill)
    for column in columns:
        frame = pl.DataFrame([pl.Series("k", ["k"] * len(column)), column])
        accumulator.add_rows(*normalized(frame, ["c"], escaped=False))
    found = accumulator.take()
    assert found
    taken, states = found
    return python_values(taken.results(states)["c"], taken.result_kinds["c"])[0]


@pytest.mark.parametrize(
    ("dtype", "fine"),
    [
        (pl.Datetime("ns"), NanoTimestamp(1)),
        (pl.Datetime("ns", "Europe/Berlin"), NanoInstant(1)),
        (pl.Duration("ns"), NanoDuration(1)),
        (pl.Time(), NanoTime(1)),
    ],
)
def test_only_values_that_have_nanoseconds_become_numbers_of_them(dtype, fine):
    """Whatever else is in the column, or else a value would depend on which rows it lies among."""
    found = carried(counted([1, 2000, None], dtype))
    assert (found[0], type(found[0])) == (fine, type(fine))
    assert found[1:] == carried(counted([2000, None], dtype))
    assert isinstance(found[1], datetime | timedelta | time)


def test_nanoseconds_before_1970_are_kept():
    assert carried(counted([BEFORE, -1000], pl.Datetime("ns"))) == [BEFORE, datetime(1969, 12, 31, 23, 59, 59, 999_999)]


@pytest.mark.parametrize("dtype", [pl.Datetime("ns"), pl.Datetime("ns", "UTC"), pl.Duration("ns"), pl.Time()])
def test_a_key_has_no_nanoseconds(dtype):
    frame = pl.DataFrame([counted([2000, 1], dtype)])
    with pytest.raises(PermanentFailure, match=r"the column 'c' is part of the key and holds .* round it to micro"):
        normalized(frame, [], escaped=False)
    assert normalized(frame[:1], [], escaped=False)[0].item() == 2


FAR = 10**6 * 366  # days
FAR_AWAY = [
    counted([FAR], pl.Date()),
    counted([-FAR], pl.Date()),
    counted([FAR * 86_400_000], pl.Datetime("ms")),
    counted([2**63 - 1], pl.Datetime("ms")),
    counted([-(2**63)], pl.Datetime("us")),
    counted([253_402_300_800_000_000 - 1], pl.Datetime("us", "Europe/Berlin")),  # next year there
    counted([-62_135_596_800_000_000], pl.Datetime("us", "America/St_Johns")),
    counted([2**63 - 1], pl.Duration("ms")),
]


@pytest.mark.parametrize("column", FAR_AWAY, ids=lambda column: f"{column.dtype} {column.to_physical()[0]}")
@pytest.mark.parametrize("place", ["key", "value", "list", "struct"])
def test_what_python_has_no_value_for_is_refused_by_the_mapper(column, place):
    if place == "list":
        column = pl.Series("c", [column])
    if place == "struct":
        column = pl.DataFrame([column.alias("at")]).to_struct("c")
    frame = pl.DataFrame([pl.Series("k", [1]), column])
    told = r"the column 'c(\.at)?' holds D.*: leave such rows out, or cast the column to integers"
    with pytest.raises(PermanentFailure, match=told) as caught:
        normalized(frame, [] if place == "key" else ["c"], escaped=False)
    assert ("longer than a timedelta" if "uration" in str(column.dtype) else "years 1 to 9999") in str(caught.value)


def test_times_with_a_zone_keep_it_and_the_hour_that_is_repeated():
    """As keys, its two instants are two, as by records."""
    before = int(datetime(2026, 10, 25, 0, 45, tzinfo=UTC).timestamp()) * 1000
    column = counted([before, before + 3_600_000], pl.Datetime("ms", "Europe/Berlin"))
    told = [value.isoformat() for value in carried(column)]
    assert told == ["2026-10-25T02:45:00+02:00", "2026-10-25T02:45:00+01:00"]


def test_frames_must_agree_on_zones_places_and_nanoseconds():
    """As a key or a value would otherwise look like that of the frame that it happens to lie in."""
    for one, other, words in (
        (pl.Datetime("us", "UTC"), pl.Datetime("us"), r"as datetime\(UTC\) in one frame and as datetime in another"),
        (pl.Datetime("us"), pl.Datetime("ns"), r"as datetime in one frame and as datetime\(ns\)"),
        (pl.Date(), pl.Datetime("us"), "as date in one frame and as datetime in another"),
    ):
        with pytest.raises(PermanentFailure, match=words):
            aggregated("Last", counted([0], one), counted([0], other))
    prices = [pl.Series("c", [Decimal(1)], dtype=pl.Decimal(38, places)) for places in (1, 2)]
    with pytest.raises(PermanentFailure, match=r"decimal\(1\) in one frame and as decimal\(2\) in another: cast it"):
        aggregated("Last", *prices)
    assert aggregated("Last", counted([0], pl.Datetime("ms")), counted([5], pl.Datetime("us"))).microsecond == 5


MOST = Decimal("9" * 38)


def test_sums_of_decimals_have_as_many_digits_as_they_need():
    column = pl.Series("c", [MOST] * 1000, dtype=pl.Decimal(38, 0))
    assert str(aggregated("Sum", column)) == str(1000 * int(MOST))
    assert str(aggregated("Sum", *[column] * 3)) == str(3000 * int(MOST))
    small = pl.Series("c", [Decimal("-1")], dtype=pl.Decimal(38, 0))
    assert str(aggregated("Sum", small, column, small)) == str(1000 * int(MOST) - 2)
    mean = aggregated("Mean", small, column, small)  # in as many digits as the sum has
    assert abs(Fraction(mean) - Fraction(1000 * int(MOST) - 2, 1002)) < Fraction(1, 1000)
    assert len(mean.as_tuple().digits) == 41


@pytest.mark.parametrize("number", [2**64, -(2**64), 2**127 - 1, -(2**127)])
def test_integers_beyond_64_bits_add_up_with_smaller_ones(number):
    wide, narrow = pl.Series("c", [number] * 3, dtype=pl.Int128), pl.Series("c", [1, 2], dtype=pl.Int8)
    assert aggregated("Sum", narrow, wide, narrow) == 3 * number + 6
    assert aggregated("Mean", narrow, wide, narrow) == (3 * number + 6) / 7


def test_integers_beyond_128_bits_are_refused():
    assert carried(pl.Series("c", [2**127 - 1], dtype=pl.UInt128)) == [2**127 - 1]
    with pytest.raises(PermanentFailure, match=r"the column 'c' holds UInt128, and a number in it is beyond 2\*\*127"):
        carried(pl.Series("c", [2**127], dtype=pl.UInt128))


def test_durations_add_up_beyond_64_bits_of_microseconds():
    years = counted([365 * 86_400_000 * 300_000], pl.Duration("ms"))
    assert aggregated("Sum", *[years] * 9) == 9 * 300_000 * timedelta(days=365)
    assert aggregated("Mean", *[years] * 9) == 300_000 * timedelta(days=365)
    with pytest.raises(PermanentFailure, match=r"longer than a timedelta can be \(column 'c'\)"):
        aggregated("Sum", *[years] * 14)


def test_durations_with_nanoseconds_add_up_to_them():
    column = counted([1, 2, -1_500], pl.Duration("ns"))
    assert aggregated("Sum", column) == NanoDuration(-1_497)
    assert aggregated("Sum", column, counted([497], pl.Duration("ns"))) == timedelta(microseconds=-1)
    assert aggregated("Mean", counted([1_400, 1_700], pl.Duration("ns"))) == timedelta(microseconds=2)


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [
        ("Sum", counted([0], pl.Date()), "Sum.. takes integers, floats, decimals and durations.* 'c' is date: cast"),
        ("Mean", counted([0], pl.Datetime("us", "UTC")), r"Mean.. takes .* 'c' is datetime\(UTC\)"),
        ("Variance", counted([0], pl.Duration("us")), "Variance.. takes integers and floats, .* 'c' is timedelta"),
        ("Sum", counted([0, None], pl.Duration("us")), "the column 'c' holds nulls, which have no sum"),
        ("First", pl.Series("c", [object()], dtype=pl.Object), r"Python's objects \(Object\).* type of Polars"),
    ],
)
def test_what_cant_be_aggregated_is_told(name, column, words):
    with pytest.raises(PermanentFailure, match=words):
        aggregated(name, column)


def test_a_column_that_is_only_counted_may_hold_anything():
    from fanfold_steps.columnar.shape import with_results

    frame = pl.DataFrame({"k": [1], "n": counted([FAR], pl.Date())})
    assert with_results(frame, ["k"], {"n": Aggregate("Count")}).columns == ["k"]


def test_dates_of_the_first_and_the_last_year_are_kept():
    ends = [date.min, date.max]
    assert carried(pl.Series("c", ends)) == ends
    assert carried(pl.Series("c", [datetime.min, datetime.max])) == [datetime.min, datetime.max]


def test_the_place_of_a_failure_shows_times_that_python_has_not():
    """The row is for people, so that a far date in it hides no error."""
    frame = pl.DataFrame({"k": ["a"], "day": counted([FAR], pl.Date()), "list": [counted([FAR], pl.Date())]})
    assert first_row(frame) == {"k": "a", "day": FAR, "list": "List(Date)"}
    assert first_row(pl.DataFrame({"day": [date(2026, 1, 31)]})) == {"day": date(2026, 1, 31)}


@pytest.mark.parametrize("library", ["pyarrow", "pandas"])
def test_tables_of_arrow_whose_values_polars_would_change_are_refused(library):
    far = pa.array([2**61], pa.timestamp("s"))
    with pytest.raises(PermanentFailure, match=r"can't be a frame: the column 'c' holds a time .* for Polars: cast it"):
        as_frame(pa.table({"c": far}) if library == "pyarrow" else pd.DataFrame({"c": far.to_numpy()}))
    table = pa.table({"c": pa.array([5], pa.timestamp("s"))})
    assert as_frame(table if library == "pyarrow" else table.to_pandas())["c"].to_list() == [
        datetime(1970, 1, 1, 0, 0, 5)
    ]
