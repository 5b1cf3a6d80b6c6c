"""Time zones by the names that files and frames have for them."""

from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo


def zone(name: str) -> tzinfo:
    """A zone by its name, or by its offset as `+05:30`; UTC, which is the same instant, where neither is known."""
    hours, _, minutes = name[1:].partition(":")
    if name[:1] in ("+", "-") and hours.isdigit() and (minutes or "0").isdigit():
        found = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-found if name.startswith("-") else found) if found < timedelta(days=1) else UTC
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
