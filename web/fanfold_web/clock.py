"""Moments in time, as people and protocols write them."""

from datetime import UTC, datetime
from typing import Literal


def timestamp(moment: float, precision: Literal["seconds", "milliseconds"] = "milliseconds") -> str:
    """Unix seconds as RFC 3339 in UTC; truncated to the precision.

    >>> timestamp(1795504500.25), timestamp(1795504500.25, "seconds")
    ('2026-11-24T07:15:00.250Z', '2026-11-24T07:15:00Z')
    """
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
