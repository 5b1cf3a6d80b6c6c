"""When two values of tables of any formats are equal: by what they say, not by how it is written.

Text equals text letter for letter, so `007` and `7` in two CSV files are two values. A value that has a type (a number
in JSON, a date or a Decimal in Parquet) equals any other of the same value, and any text that writes it: the date
2020-01-01 equals the text `2020-01-01`, and the number 7 equals 7.0, `7` and `007`. A date is the midnight at its
beginning, and a length of time is written as in ISO 8601. Lists and objects are equal if what is in them is, and to the
JSON that writes them. Bytes are the text that they are in UTF-8. Null and NaN equal nothing.
"""

import json
import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from fanfold_steps.formats.values.plain import textual

Spelling = str | None | tuple["str | None", ...]
"""How a text is written, "" where that is the key; None of what has a type."""

_OPENINGS = frozenset("0123456789+-.tTfFP[{")
"""What all begins with that may write a value with a type; most names don't."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_TIME = r"\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?"
_CLOCK = re.compile(_TIME, re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]" + _TIME + r"(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?=.)((?P<days>\d{1,9})D)?"
    r"(T(?=.)((?P<hours>\d{1,11})H)?((?P<minutes>\d{1,12})M)?((?P<seconds>\d{1,14})(\.(?P<fraction>\d{1,6})0*)?S)?)?",
    re.ASCII,
)
_MOST_DIGITS = 400  # of an integer that is written without an exponent: more than any float has


def by_value(value: Any) -> tuple[str | None, str | None]:
    """What all that may equal a value have for a key, and how it is written here.

    >>> by_value("007"), by_value(7.0), by_value("ann"), by_value(date(2020, 1, 1))
    (('7', '007'), ('7', None), ('ann', ''), ('2020-01-01', None))
    """
    if type(value) is str:
        if not value or value[0] not in _OPENINGS or (value[0] != "0" and value.isdecimal() and value.isascii()):
            return value, ""
        key = _key_of_text(value)
        return key, "" if key == value else value
    if isinstance(value, bytes):
        return by_value(value.decode("utf-8", "surrogateescape"))
    return _key_of_typed(value), None


IS_NORMAL = r"^(0|[1-9][0-9]*|[0-9]{4}-[0-9]{2}-[0-9]{2}|[^0-9+\-.TFP\[{](?s:.*)|P([^0-9T](?s:.*))?|)$"
"""What most texts match that are the key of all that may equal them, such as names, dates and whole numbers."""


def normal(text: str) -> str:
    """The key of all that may equal a text.

    >>> normal("007"), normal("7.0"), normal("ann")
    ('7', '7', 'ann')
    """
    return str(by_value(text)[0])


def fits(one: Spelling, other: Spelling) -> bool:
    """Whether two values of one key are equal: one has a type, or both are the same text; of tuples, place by place."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(map(fits, one, other))
    return one is None or other is None or one == other


def _key_of_text(text: str) -> str:
    if text.isdecimal() and text.isascii():
        return text.lstrip("0") or "0"
    if _NUMBER.fullmatch(text):
        return _key_of_number(Decimal(text))
    try:
        if _DATETIME.fullmatch(text):
            return _key_of_datetime(datetime.fromisoformat(text))
        if _CLOCK.fullmatch(text):
            return time.fromisoformat(text).isoformat()
        if found := _DURATION.fullmatch(text):
            return _key_of_duration(found)
        if text[0] in "[{":
            return _key_of_nested(json.loads(text))
    except (ValueError, OverflowError, RecursionError):  # the 30th of February
        return text
    return text.lower() if text in ("True", "TRUE", "False", "FALSE") else text


def _key_of_typed(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return None
    if isinstance(value, float | Decimal):
        return _key_of_number(value if isinstance(value, Decimal) else Decimal(repr(value)))
    if isinstance(value, datetime):
        return _key_of_datetime(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(textual(value))
    if isinstance(value, list | dict):
        return _key_of_nested(value)
    return str(value)


def _key_of_number(number: Decimal) -> str:
    """Its digits without zeros at either end, and where the point is; an integer as an int is written."""
    if not number.is_finite():
        return str(number)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    significant = text.strip("0")
    if not significant:
        return "0"
    exponent += len(text) - len(text.rstrip("0"))
    head = "-" if sign else ""
    if exponent >= 0 and len(significant) + exponent <= _MOST_DIGITS:
        return f"{head}{significant}{'0' * exponent}"
    return f"{head}{significant}e{exponent}"


def _key_of_datetime(value: datetime) -> str:
    if value.utcoffset() is not None:
        return value.astimezone(UTC).isoformat()
    is_midnight = not (value.hour or value.minute or value.second or value.microsecond)
    return value.date().isoformat() if is_midnight else value.isoformat()


def _key_of_duration(found: re.Match[str]) -> str:
    """Of the parts of ISO 8601 as a length of time is written that has days, hours, minutes and seconds."""
    days, hours, minutes, seconds = (int(found[part] or 0) for part in ("days", "hours", "minutes", "seconds"))
    micros = int((found["fraction"] or "").ljust(6, "0"))
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    return str(textual(-length if found["sign"] == "-" else length))


def _key_of_nested(value: Any) -> str:
    return json.dumps(_nested(value), sort_keys=True)


def _nested(value: Any) -> Any:
    """A value inside a list or an object, as the equal value that JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _nested(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(held) for held in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal) and math.isfinite(value):
        key = _key_of_typed(value)
        number = int(key) if key and _INTEGER.fullmatch(key) else float(value)
        return number if Decimal(repr(number)) == Decimal(repr(value) if isinstance(value, float) else value) else key
    return by_value(value)[0]
