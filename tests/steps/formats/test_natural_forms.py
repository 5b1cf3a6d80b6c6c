"""Values of the standard library, written as JSONL, CSV and text and read by Python's own modules."""

import csv
import io
import json
import re
from base64 import b64decode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.formats import writer
from fanfold_steps.formats.protocol import Unwritable
from fanfold_steps.formats.values.plain import NanoDuration, NanoInstant, NanoTime, NanoTimestamp, plain, textual
from fanfold_steps.job.formats import CSV, JSONL, TSV, Parquet, Text
from tests.steps.formats.test_parquet_types import ANY_SCALAR, SCALARS, Colour, Point, nested, same


class Level(IntEnum):
    LOW = 1


class Place(NamedTuple):
    name: str
    at: Any


def part(form, records):
    encoder = writer(form).begin()
    return encoder.encode(records) + b"".join(encoder.end())


def duration(text):
    """An ISO 8601 duration as microseconds, and what is left of nanoseconds."""
    found = re.fullmatch(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?", text)
    assert found, text
    sign, days, hours, minutes, seconds, fraction = found.groups()
    whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    count = whole * 10**9 + int((fraction or "0").ljust(9, "0"))
    return -count if sign else count


def nanoseconds(text):
    """An ISO 8601 time as nanoseconds since 1970."""
    head, point, tail = text.partition(".")
    digits = "".join(re.findall(r"^\d*", tail)) if point else ""
    zone = tail[len(digits) :] if point else ""
    since = datetime.fromisoformat(head + zone) if point else datetime.fromisoformat(text)
    seconds = (since - datetime(1970, 1, 1, tzinfo=since.tzinfo and UTC)) // timedelta(seconds=1)
    return seconds * 10**9 + int(digits.ljust(9, "0") or 0)


def read_as(value, found):
    """What a reader that knows the type makes of what JSON held."""
    match value:
        case bool() | None:
            return found
        case NanoDuration():
            return NanoDuration(duration(found))
        case NanoTimestamp() | NanoInstant():
            return type(value)(nanoseconds(found))
        case datetime():
            return datetime.fromisoformat(found)
        case date() | time():
            return type(value).fromisoformat(found)
        case timedelta():
            return timedelta(microseconds=duration(found) // 1000)
        case Decimal():
            return Decimal(found)
        case bytes():
            return b64decode(found)
        case list():
            return [read_as(one, other) for one, other in zip(value, found, strict=True)]
        case dict():
            pairs = zip(value.items(), found.items(), strict=True)
            return {key: read_as(one, other) for (key, one), (_, other) in pairs}
    return found


@pytest.mark.thorough
@given(st.lists(st.recursive(ANY_SCALAR | st.none(), nested, max_leaves=5), min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_json_lines_are_read_as_they_were_written_or_refused(records):
    try:
        data = part(JSONL(), records)
    except (TypeError, ValueError) as error:
        assert re.search("NaN or an infinity|same text|has the key", str(error)), (error, records)
        return
    found = [json.loads(line) for line in data.split(b"\n")[:-1]]
    values = [plain(record) for record in records]
    for value, one in zip(values, found, strict=True):
        if not (isinstance(value, Decimal) and value.is_nan()):
            again = read_as(value, one)
            assert same(value, again) or "NaN" in repr(value), (value, one)


CELLS = {name: kind for name, kind in SCALARS.items() if name not in ("number", "whole", "float", "numpy")}


@pytest.mark.thorough
@given(st.lists(st.tuples(st.sampled_from(["k", "é"]), st.one_of(*CELLS.values())), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_fields_and_lines_hold_the_same_text(records):
    for form, delimiter in ((CSV(header=False), ","), (TSV(header=False), "\t")):
        text = part(form, records).decode("utf-8", "surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        assert [row[1] for row in rows] == [as_field(value) for _, value in records]
    for key, value in records:
        line = part(Text(), [(key, value)]).decode("utf-8", "surrogateescape")
        assert line == f"{key}\t{as_field(value)}\n"


def as_field(value):
    value = plain(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(textual(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00+00:00"),
        (time(12, 0, 0, 5), "12:00:00.000005"),
        (timedelta(), "PT0S"),
        (timedelta(days=1), "P1D"),
        (timedelta(hours=-1, milliseconds=-500), "-PT1H0.5S"),
        (timedelta(days=400, minutes=3), "P400DT3M"),
        (NanoTime(1_500), "00:00:00.000001500"),
        (NanoTimestamp(-1), "1969-12-31T23:59:59.999999999"),
        (NanoInstant(1), "1970-01-01T00:00:00.000000001+00:00"),
        (NanoDuration(1), "PT0.000000001S"),
        (Decimal("1.50"), "1.50"),
        (Fraction(1, 3), "1/3"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Level.LOW, "1"),
        (pd.Timestamp(2026, 1, 31), "2026-01-31T00:00:00"),
        (np.datetime64("2026-01-31T00:00:00.000000001"), "2026-01-31T00:00:00.000000001"),
    ],
)
def test_forms(value, text):
    plain_text = as_field(value)
    assert plain_text == text
    assert json.loads(part(JSONL(), [[value]]))[0] in (text, 1)
    if not isinstance(value, np.datetime64):
        assert part(CSV(header=False), [("k", value)]) == f"k,{text}\n".encode()
        assert part(Text(), [value]) == f"{text}\n".encode()


def test_dataclasses_and_named_tuples_are_objects_and_rows():
    records = [Place("a", Point(1, 2.5)), Place("b", None)]
    assert part(JSONL(), records) == b'{"name":"a","at":{"x":1,"y":2.5}}\n{"name":"b","at":null}\n'
    assert part(CSV(), records) == b'name,at\na,"Point(x=1, y=2.5)"\nb,\n'
    assert part(CSV(columns=("at", "name")), records[1:]) == b"at,name\n,b\n"


@pytest.mark.parametrize(
    ("value", "plain_one"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(["2026-01-31"], "M8[D]"), [date(2026, 1, 31)]),
        (np.array([1], "M8[ns]"), [NanoTimestamp(1)]),
        (np.timedelta64("NaT"), None),
        (np.ma.masked, None),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timestamp(1, tz="UTC"), NanoInstant(1)),
        (pd.Timedelta(1), NanoDuration(1)),
        (pd.Timedelta(1000), timedelta(microseconds=1)),
        (pd.Series([1, 2]), [1, 2]),
        (pa.scalar(1, pa.timestamp("ns", "UTC")), NanoInstant(1)),
        (pa.scalar(1, pa.time64("ns")), NanoTime(1)),
        (pa.scalar([1, None]), [1, None]),
        (pa.array([1, 2]), [1, 2]),
    ],
)
def test_values_of_other_libraries(value, plain_one):
    found = plain(value)
    assert (found, type(found)) == (plain_one, type(plain_one))


class Suit(Enum):
    HEARTS = ("h", 1)


class Odd(Enum):
    NOTHING = None
    BYTES = b"\xff"


@pytest.mark.parametrize(
    "nothing",
    [
        np.datetime64("NaT"),
        np.timedelta64("NaT"),
        np.ma.masked,
        pd.NaT,
        pd.NA,
        pa.scalar(None, pa.int64()),
        Odd.NOTHING,
    ],
)
@pytest.mark.parametrize(("form", "between"), [(CSV(), b","), (TSV(), b"\t")])
def test_what_stands_for_none_is_an_empty_field(nothing, form, between):
    assert part(form, [{"a": nothing, "b": 1}]) == between.join([b"a", b"b\n"]) + between + b"1\n"
    assert part(Text(), [("k", nothing)]) == b"k\tNone\n"


@pytest.mark.parametrize("value", [np.bytes_(b"\xff"), np.void(b"\xff"), pa.scalar(b"\xff"), Odd.BYTES])
def test_bytes_of_other_libraries_are_written_as_they_are(value):
    assert part(CSV(columns=["a"], header=False), [(value,)]) == b"\xff\n"
    assert part(Text(), [("k", value)]) == b"k\t\xff\n"


@pytest.mark.parametrize("form", [JSONL(), Parquet()])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\ud800b", r"it holds '\\ud800', half of a surrogate pair, which is not a character: leave it out"),
        ("caf\udce9", r"bytes that aren't UTF-8: name the input's encoding"),
    ],
)
def test_text_that_is_no_unicode_is_told_apart(form, text, words):
    with pytest.raises(Unwritable, match=words):
        part(form, [{"a": text}])


def test_the_value_of_a_member_may_be_anything_plain():
    assert plain(Suit.HEARTS) == ["h", 1]
    with pytest.raises(TypeError, match="complex has no type that can be written"):
        plain(1j)
