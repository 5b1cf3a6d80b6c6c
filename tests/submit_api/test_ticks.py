"""Ticks: the same ones wherever one begins to look, also while clocks are changed."""

from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_submit.schedules.ticks import Ticks

ZONES = ["Europe/Athens", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC"]
NUMBERS = {"minute": (0, 59), "hour": (0, 23)}


def part(lowest: int, highest: int) -> st.SearchStrategy[str]:
    number = st.integers(lowest, highest)
    return st.just("*") | st.builds("*/{}".format, st.integers(1, 30)) | st.builds(str, number)


CRONS = st.builds("{} {} * * *".format, part(*NUMBERS["minute"]), part(*NUMBERS["hour"]))


@given(cron=CRONS, zone=st.sampled_from(ZONES), begin=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
def test_ticks_do_not_depend_on_where_one_begins(cron: str, zone: str, begin: datetime) -> None:
    """A replica that starts anew goes on with the very ticks that it would have had."""
    ticks = Ticks.of(cron, zone)
    moment = begin.replace(tzinfo=UTC).timestamp()
    following = list(islice(ticks.after(moment), 50))
    assert following == sorted(set(following)) and following[0] > moment
    for earlier, later in pairwise(following):
        assert next(ticks.after(earlier)) == later
        assert next(ticks.after(later - 0.5)) == later


@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        ("30 3 * * *", "2026-03-29", ["01:00"]), ("30 3 * * *", "2026-10-25", ["00:30"]),
        ("0,30 3 * * *", "2026-03-29", ["01:00"]), ("0,30 3 * * *", "2026-10-25", ["00:00", "00:30"]),
        ("*/30 3 * * *", "2026-03-29", []), ("*/30 3 * * *", "2026-10-25", ["00:00", "00:30", "01:00", "01:30"]),
        ("30 2-4 * * *", "2026-03-29", ["00:30", "01:00", "01:30"]),
    ],
)  # fmt: skip
def test_the_hour_that_is_missing_and_the_one_that_comes_twice(cron: str, day: str, expected: list[str]) -> None:
    """In Athens 03:30 is missing on 29 March, and comes twice on 25 October."""
    begin = datetime.fromisoformat(f"{day}T00:00+00:00").timestamp() - 2 * 3600
    found = [tick for tick in islice(Ticks.of(cron, "Europe/Athens").after(begin), 9) if tick < begin + 24 * 3600]
    assert [datetime.fromtimestamp(tick, UTC).strftime("%H:%M") for tick in found] == expected


def test_every_zone_that_there_is_can_be_had() -> None:
    for zone in sorted(available_timezones()):
        assert next(Ticks.of("0 3 * * *", zone).after(0.0)) > 0.0
