"""The built-in join: by value, across formats; columns of other names; what is missing is told."""

import datetime as dt
import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fanfold.builtin import join
from fanfold.builtin.join.values import by_value, fits
from fanfold_steps.formats.values.plain import textual
from fanfold_steps.sorting import keys

DAY = dt.date(2020, 1, 1)


def equal(one, other):
    """Whether the built-in has them for equal."""
    (one_key, one_spelling), (other_key, other_spelling) = by_value(one), by_value(other)
    return one_key is not None and one_key == other_key and fits(one_spelling, other_spelling)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (7, "7"), (7, "007"), (7, 7.0), (7, Decimal("7.00")), (7.5, "7.50"), (0.1, "0.1"), (0.1, Decimal("0.10")),
        (1e22, "1e22"), (10**22, "1E+22"), (-0.0, "0"), (-7, "-7.0"), (10**30, "1" + "0" * 30),
        (Decimal("1E-9"), "1e-9"),
        (DAY, "2020-01-01"), (DAY, dt.datetime(2020, 1, 1)), (DAY, "2020-01-01 00:00:00"), (DAY, "2020-01-01T00:00"),
        (dt.datetime(2020, 1, 1, 12, 30), "2020-01-01 12:30:00"),
        (dt.datetime(2020, 1, 1, 0, 0, 0, 5), "2020-01-01T00:00:00.000005"),
        (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "2020-01-01T01:00:00+01:00"),
        (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "2020-01-01T00:00:00Z"),
        (dt.time(12, 30), "12:30"), (True, "true"), (True, "True"), (b"abc", "abc"), (b"7", 7), (b"\xff", b"\xff"),
        (dt.timedelta(hours=1), "PT1H"), (dt.timedelta(hours=1), "PT60M"), (dt.timedelta(days=-1), "-P1D"),
        (dt.timedelta(microseconds=1500), "PT0.0015S"), (dt.timedelta(0), "PT0S"), (dt.timedelta(0), "-P0D"),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}), ({"a": DAY}, '{"a":"2020-01-01"}'), ([1, "a"], '[1,"a"]'),
        ([Decimal("1.50"), None, True], [1.5, None, True]), ([[]], "[ [] ]"), ([{}], [{}]), ([b"a"], ["a"]),
        ([Decimal("0.1")], [0.1]), ("P1D", "P1D"), ("Paul", "Paul"), ("[", "["), ("{x}", "{x}"),
        ("", ""), ([1, "a"], '[1, "a"]'), ("x", "x"), ("007", "007"), ("1e5", "1e5"),
    ],
)  # fmt: skip
def test_values_that_are_equal_across_formats(one, other):
    assert equal(one, other)
    assert equal(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7", "007"), ("7", "7.0"), ("1e5", "100000"), (7, "7a"), (7, "seven"), (7, 8), (0.1, "0.10000000000000001"),
        (True, 1),
        (None, "null"), (None, None), (float("nan"), float("nan")), (float("nan"), "nan"),
        (Decimal("NaN"), Decimal("NaN")),
        (DAY, "2020-1-1"), (DAY, dt.datetime(2020, 1, 1, 1)), (DAY, dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        (DAY, "2020-02-30"),
        (dt.timedelta(hours=1), "P"), (dt.timedelta(0), "PT"), (dt.timedelta(hours=1), "PT1M"), ("P1D", "PT24H"),
        (dt.timedelta(hours=1), dt.time(1)), (dt.timedelta(0), "P999999999999D"), (dt.timedelta(0), "PT0.0000001S"),
        (["1"], [1]), ([1], [1.5]), ([True], [1]), ('{"a":1}', '{"a": 1}'), ([], {}), ([1], "[1"), ([], "[" * 5000),
        ([0.1], [Decimal("0.10000000000000001")]),
        ("2020-01-01", "2020-01-01 00:00:00"), ("True", "true"),
        (dt.datetime(2020, 1, 1, 1), "2020-01-01 01:00:00.0000001"),
        ("", None), (b"a", "b"), ("é", "e"),
    ],
)  # fmt: skip
def test_values_that_are_not(one, other):
    assert not equal(one, other)
    assert not equal(other, one)


NUMBERS = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.decimals(places=3, min_value=-99, max_value=99)
)


@given(NUMBERS, NUMBERS)
def test_numbers_are_equal_by_value_and_to_the_text_that_writes_them(one, other):
    def value(number):  # a float is what it is written as: 0.1 is a tenth
        return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)

    assert equal(one, other) == (value(one) == value(other))
    for text in (str(one), f"{Decimal(repr(one) if isinstance(one, float) else one):E}"):
        assert equal(one, text)
        assert equal(other, text) == (value(one) == value(other))


@given(st.datetimes(), st.sampled_from(" T"))
def test_times_are_equal_to_the_text_that_writes_them(moment, separator):
    assert equal(moment, moment.isoformat(separator))
    assert equal(moment.date(), str(moment.date()))


@given(st.timedeltas())
def test_lengths_of_time_are_equal_to_the_text_that_writes_them(length):
    assert equal(length, textual(length))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, list | dict))


@given(JSON, st.booleans())
def test_lists_and_objects_are_equal_to_the_json_that_writes_them(value, escaped):
    assert equal(value, json.dumps(value, ensure_ascii=escaped))
    assert equal(value, json.loads(json.dumps(value, sort_keys=True)))


@given(st.text(), st.text())
def test_text_equals_text_letter_for_letter(one, other):
    assert equal(one, one)
    assert equal(one, other) == (one == other)


def rows(left, right, counted=None, **params):
    """What comes out of the mappers and the reducer, as a worker would call them."""
    given = join.Params(**params)
    tally = Counter() if counted is None else counted

    class Ctx:
        params = given

        @staticmethod
        def count(group, name, n):
            assert group == "join"
            tally[name] += n

    groups: dict = {}
    for mapper, table in ((join.Keyed(0), left), (join.Keyed(1), right)):
        mapper.start(Ctx)  # type: ignore[arg-type]
        for row in table:
            for key, sided in mapper(row):
                groups.setdefault(key, []).append(sided)
    joined = join.Joined()
    joined.start(Ctx)  # type: ignore[arg-type]
    return [row for key in sorted(groups, key=keys.encode) for row in joined(key, iter(groups[key]))]


def test_columns_of_other_names_and_several_of_them():
    left = [{"day": "2020-01-01", "host": "a", "hits": 1}, {"day": "2020-01-02", "host": "a", "hits": 2}]
    right = [{"on": DAY, "host": "a", "sold": 3}, {"on": DAY, "host": "b", "sold": 4}]
    assert rows(left, right, on="day:on,host") == [{"day": "2020-01-01", "host": "a", "hits": 1, "sold": 3}]
    assert rows(left, right, on="day:on,host", how="outer") == [
        {"day": "2020-01-01", "host": "a", "hits": 1, "sold": 3},
        {"day": DAY, "host": "b", "sold": 4},
        {"day": "2020-01-02", "host": "a", "hits": 2},
    ]


def test_a_text_joins_a_number_without_joining_other_texts():
    left = [{"id": "7", "l": 1}, {"id": "007", "l": 2}, {"id": "07", "l": 3}]
    right = [{"id": "007", "r": 1}, {"id": 7, "r": 2}]
    found = rows(left, right, on="id", how="outer")
    assert [(row.get("l"), row.get("r")) for row in found] == [(2, 1), (1, 2), (2, 2), (3, 2)]
    assert [row["l"] for row in rows(left, right[:1], on="id", how="left") if "r" not in row] == [1, 3]


@pytest.mark.parametrize(("how", "kept"), [("inner", 0), ("left", 1), ("right", 2), ("outer", 3)])
def test_null_has_no_partner(how, kept):
    found = rows([{"id": None, "l": 1}], [{"id": None, "r": 1}, {"id": "null", "r": 2}], on="id", how=how)
    assert len(found) == kept
    assert not any("l" in row and "r" in row for row in found)


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
@pytest.mark.parametrize(
    ("left", "right", "lefts", "rights"),
    [
        (["ann", "bob"], [1, 2, 3], 2, 3),
        (["7", "007"], ["07", "7", "7"], 1, 1),
        ([None, "ann"], [None, "ann"], 1, 1),
        (["ann"], ["ann"], 0, 0),
    ],
)
def test_rows_without_a_match_are_counted(how, left, right, lefts, rights):
    counted: Counter[str] = Counter()
    rows([{"id": one} for one in left], [{"id": one} for one in right], counted, on="id", how=how)
    expected = {"left rows without a match": lefts, "right rows without a match": rights}
    assert counted == {name: n for name, n in expected.items() if n}


@pytest.mark.parametrize("on", ["a:b:c", "a,", ":b", "a,a", "a:b,c:b"])
def test_columns_are_named_once(on):
    with pytest.raises(ValidationError, match=r"only once|write day"):
        join.Params(on=on)


@pytest.mark.parametrize(
    ("row", "words"), [({"a": 1, "b": 2}, "the left table has no column 'id' to join on: it has a, b")]
)
def test_a_missing_column_is_told_with_those_that_there_are(row, words):
    with pytest.raises(LookupError, match=words):
        rows([row], [], on="id")


@pytest.mark.thorough
def test_a_date_in_csv_joins_a_date_in_parquet(tmp_path):
    """The whole command, over files."""
    (tmp_path / "weather.csv").write_text("day,weather\n2020-01-01,sun\n2020-01-02,rain\n")
    pl.DataFrame({"on": [DAY, dt.date(2020, 1, 2)], "sold": [3, 5]}).write_parquet(tmp_path / "sales.parquet")
    command = [sys.executable, "-m", "fanfold_client", "run", "join", "--input", "left=weather.csv"]
    command += ["--input", "right=sales.parquet", "--param", "on=day:on", "--output", "out", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = [
        json.loads(line) for part in sorted((tmp_path / "out").glob("part-*")) for line in part.read_text().splitlines()
    ]
    assert found == [
        {"day": "2020-01-01", "weather": "sun", "sold": 3},
        {"day": "2020-01-02", "weather": "rain", "sold": 5},
    ]
