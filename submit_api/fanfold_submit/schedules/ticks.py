"""When a schedule is due: cron expressions in a time zone.

CronSim does as Debian's cron does when clocks are changed. In the hour that is missing, a tick at a fixed hour comes
when the hour is over; in the hour that is there twice, it comes once. Ticks of every hour (`*` in the field of minutes
or hours) follow the time that really passes: twice in the one, none in the other.

>>> from datetime import datetime, UTC
>>> def told(cron, after):
...     ticks = Ticks.of(cron, "Europe/Athens").after(datetime.fromisoformat(after).timestamp())
...     return [datetime.fromtimestamp(next(ticks), UTC).isoformat(timespec="minutes") for _ in range(3)]
>>> told("30 3 * * *", "2026-03-28T12:00Z")  # 03:30 is missing on the 29th: 04:00 there is 01:00 UTC
['2026-03-29T01:00+00:00', '2026-03-30T00:30+00:00', '2026-03-31T00:30+00:00']
>>> told("30 3 * * *", "2026-10-24T12:00Z")  # 03:30 comes twice on the 25th, and counts once
['2026-10-25T00:30+00:00', '2026-10-26T01:30+00:00', '2026-10-27T01:30+00:00']
>>> told("30 * * * *", "2026-10-24T23:45Z")  # every hour stays every hour
['2026-10-25T00:30+00:00', '2026-10-25T01:30+00:00', '2026-10-25T02:30+00:00']
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from fanfold_submit.refusals import InvalidSchedule

LONGEST_CRON = 100  # characters
FIELDS = 5
LOOKED_AT = 60  # ticks, for the shortest interval


@dataclass(frozen=True, slots=True)
class Ticks:
    """The moments that a cron expression names in a time zone, in Unix seconds."""

    cron: str
    zone: tzinfo

    @classmethod
    def of(cls, cron: str, timezone: str) -> "Ticks":
        """The ticks of an expression. Raises InvalidSchedule, which says what is wrong with it or with the zone."""
        if len(cron) > LONGEST_CRON or len(cron.split()) != FIELDS:
            raise InvalidSchedule(
                f"{cron[:LONGEST_CRON]!r} is not a cron expression: write minute, hour, day of month, month and day of "
                "week, as in '0 3 * * *'."
            )
        ticks = cls(" ".join(cron.split()), _zone(timezone))
        try:
            next(ticks.after(0.0))
        except CronSimError as error:
            raise InvalidSchedule(f"{cron!r} is not a cron expression: {error}.") from None
        except StopIteration:
            raise InvalidSchedule(f"{cron!r} names a day that never comes.") from None
        return ticks

    def after(self, moment: float) -> Iterator[float]:
        """The ticks that come after a moment, without an end."""
        for tick in CronSim(self.cron, datetime.fromtimestamp(moment, self.zone)):
            yield tick.timestamp()

    def shortest(self, moment: float) -> float:
        """The least number of seconds between two of the next ticks."""
        following = list(islice(self.after(moment), LOOKED_AT))
        return min((later - earlier for earlier, later in pairwise(following)), default=float("inf"))

    def due(self, after: float, until: float, most: int) -> tuple[list[float], bool]:
        """The ticks from `after` (without it) to `until`, at most so many of them; and whether there are more."""
        due = list(islice(takewhile(lambda tick: tick <= until, self.after(after)), most + 1))
        return due[:most], len(due) > most

    def local(self, tick: float) -> datetime:
        """The tick as clocks of the time zone show it."""
        return datetime.fromtimestamp(tick, self.zone)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path that leads elsewhere, or a folder
        raise InvalidSchedule(f"{name[:80]!r} is not a time zone: use a name such as Europe/Athens, or UTC.") from None
