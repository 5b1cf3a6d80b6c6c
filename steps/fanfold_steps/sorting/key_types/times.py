"""Dates, times and durations as bytes that sort like them, exact to the microsecond.

Values with an offset from UTC sort by their instant, even in the hour that is repeated when clocks are set back, for
which Python's `==` differs.
"""

from datetime import UTC, date, datetime, time, timedelta

from fanfold_steps.sorting.key_types import encoding

_MICROSECOND = timedelta(microseconds=1)
_YEAR_ONE, _YEAR_ONE_UTC = datetime(1, 1, 1), datetime(1, 1, 1, tzinfo=UTC)
_BIAS = 1 << 48  # microseconds: an offset may lead before the year one, or before midnight
_NAIVE, _AWARE = b"\x00", b"\x01"


def encode_date(key: date) -> bytes:
    """The ordinal of the day."""
    return encoding.DATE + key.toordinal().to_bytes(3, "big")


def encode_datetime(key: datetime) -> bytes:
    """Microseconds, of the wall clock if there is no offset from UTC; datetimes with one come after all others."""
    if key.utcoffset() is None:
        return encoding.DATETIME + ((key.replace(tzinfo=None) - _YEAR_ONE) // _MICROSECOND).to_bytes(8, "big")
    return encoding.INSTANT + ((key - _YEAR_ONE_UTC) // _MICROSECOND + _BIAS).to_bytes(8, "big")


def encode_time(key: time) -> bytes:
    """Microseconds since midnight; times with an offset come after all others."""
    offset = key.utcoffset()
    since = timedelta(0, key.second, key.microsecond, 0, key.minute, key.hour) - (offset or timedelta())
    kind = _NAIVE if offset is None else _AWARE
    return encoding.TIME + kind + (since // _MICROSECOND + _BIAS).to_bytes(8, "big")


def encode_timedelta(key: timedelta) -> bytes:
    """Microseconds."""
    return encoding.TIMEDELTA + encoding.encode_int(key // _MICROSECOND)


def _decode_date(data: bytes, at: int) -> tuple[date, int]:
    return date.fromordinal(int.from_bytes(data[at : at + 3], "big")), at + 3


def _decode_datetime(data: bytes, at: int) -> tuple[datetime, int]:
    return _YEAR_ONE + int.from_bytes(data[at : at + 8], "big") * _MICROSECOND, at + 8


def _decode_time(data: bytes, at: int) -> tuple[time, int]:
    assert data[at : at + 1] == _NAIVE  # those with an offset are stored beside their bytes
    microseconds = int.from_bytes(data[at + 1 : at + 9], "big") - _BIAS
    return (_YEAR_ONE + microseconds * _MICROSECOND).time(), at + 9


def _decode_timedelta(data: bytes, at: int) -> tuple[timedelta, int]:
    microseconds, after = encoding.decode(data, at)
    return microseconds * _MICROSECOND, after


DECODERS = {
    encoding.DATE: _decode_date,
    encoding.DATETIME: _decode_datetime,
    encoding.TIME: _decode_time,
    encoding.TIMEDELTA: _decode_timedelta,
}
"""The functions that decode the body of an element without an offset, by the byte for the type."""
