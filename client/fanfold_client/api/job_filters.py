"""Which jobs to list, as programs and people say it."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from fanfold_client.api.problems import Refused

_AGO = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY = timedelta(days=1) - timedelta(milliseconds=1)


class JobFilters(TypedDict, total=False):
    """Jobs are listed if all of these fit them."""

    state: str | Sequence[str]
    """One of these states."""
    name: str
    """This very name."""
    schedule: str
    """Submitted by the schedule of this name."""
    text: str
    """These words, among the first six of name, output and inputs."""
    since: datetime | str
    """Created then or later: a time, a day, or how long ago, such as `2d` or `12h`."""
    until: datetime | str
    """Created then or earlier; a day is included."""
    team: str
    """Of this group, whoever owns them; for its members, and administrators."""
    owner: str
    """Another user's, by name or id; for administrators."""
    everybody: bool
    """Not only your own; for administrators."""
    sort: str
    """`newest`, `oldest` or `duration`: those that ran longest first, of those that have ended."""


def query_of(filters: JobFilters) -> dict[str, Any]:
    """The query of the request. Raises Refused: a time isn't one."""
    given: Mapping[str, Any] = {name: value for name, value in filters.items() if value}
    query = {
        name: given[name] for name in ("state", "name", "schedule", "text", "team", "owner", "sort") if name in given
    }
    query |= {"all": "true"} if "everybody" in given else {}
    return query | {name: moment_of(given[name], name) for name in ("since", "until") if name in given}


def moment_of(given: datetime | str, name: str) -> str:
    """A time as the service reads it. Raises Refused.

    >>> moment_of("2026-11-01T08:00:00Z", "since")
    '2026-11-01T08:00:00+00:00'
    """
    if isinstance(given, datetime):
        return given.astimezone().isoformat()
    if ago := re.fullmatch(r"(\d{1,6})([mhdw])", given):
        return (datetime.now().astimezone() - timedelta(**{_AGO[ago[2]]: int(ago[1])})).isoformat()
    try:
        moment = datetime.fromisoformat(given)
        if name == "until" and re.fullmatch(r"\d{4}-?\d\d-?\d\d", given):
            moment += _DAY
        return (moment if moment.tzinfo else moment.astimezone()).isoformat()
    except (ValueError, OverflowError):
        raise Refused(
            f"{name} is a day (2026-11-01), a time (2026-11-01T08:00) or how long ago (30m, 12h, 2d, 1w), "
            f"not {given!r:.80}"
        ) from None
