"""A line of a job's log: when, by which worker, at which task, and what.

    2026-11-30T22:48:40.123Z map-3 0/map/12 | what the user's code printed
    2026-11-30T22:48:41.001Z map-3 0/map/12 > what it said with ctx.progress
    2026-11-30T22:48:41.520Z map-3 0/map/12 * what Fanfold says of the task
    2026-11-30T22:48:42.007Z map-3 - | printed between tasks

The mark before the text is what tells Fanfold's own lines from all others.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache


class Mark(StrEnum):
    """Who says it."""

    PRINTED = "|"  # the user's code, on stdout or stderr
    PROGRESS = ">"  # the user's code, with `ctx.progress`
    OWN = "*"  # Fanfold


NO_TASK = "-"
_LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([a-z]+(?:-\d{1,9}){1,2}) (-|\d{1,9}/[a-z]{1,9}/\d{1,9}) ([|>*]) ?"
)
_TASK = re.compile(r"(?:(\d{1,9})/)?(split|map|shuffle|reduce|finish)(?:/(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line; `task` is STAGE/STEP/INDEX, or `-` between tasks. Times are Unix seconds by the worker's clock."""

    time: float
    worker: str
    task: str
    mark: Mark
    text: str

    def __str__(self) -> str:
        return f"{timestamp(self.time)} {self.worker} {self.task} {self.mark} {self.text}"


def timestamp(seconds: float) -> str:
    """A time in UTC, to the millisecond.

    >>> timestamp(1.5)
    '1970-01-01T00:00:01.500Z'
    """
    milliseconds = int(seconds * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


@lru_cache(64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def parsed(text: str, worker: str, since: float) -> LogLine:
    """The line in a text; what has another form was printed by `worker` at the time `since`, as far as is known.

    >>> parsed("1970-01-01T00:00:01.500Z map-3 0/map/12 * claimed", "map-3", 0.0).text
    'claimed'
    """
    if match := _LINE.match(text):
        try:
            moment = datetime.fromisoformat(match[1]).astimezone(UTC).timestamp()
        except ValueError:  # the 32nd of a month
            moment = since
        return LogLine(moment, match[2], match[3], Mark(match[4]), text[match.end() :])
    return LogLine(since, worker, NO_TASK, Mark.PRINTED, text)


_BY = {Mark.PRINTED: "job", Mark.PROGRESS: "progress", Mark.OWN: "fanfold"}


def as_json(line: LogLine) -> dict[str, str | None]:
    """A line as the service and `--json` tell it."""
    task = None if line.task == NO_TASK else line.task
    return {"time": timestamp(line.time), "worker": line.worker, "task": task, "by": _BY[line.mark], "text": line.text}


def task_filter(wanted: str) -> Callable[[str], bool]:
    """Whether a line's `task` is wanted.

    Args:
        wanted: `map/12`, `map` (all of a step's tasks), or these with a stage before them: `1/map/12`.

    Raises:
        ValueError: it is none of these.

    >>> list(map(task_filter("map/12"), ["0/map/12", "1/map/12", "0/map/1", "-"]))
    [True, True, False, False]
    """
    match = _TASK.fullmatch(wanted)
    if not match:
        raise ValueError(f"{wanted[:80]!r} is not a task: write map/12, or 1/map/12 for a task of stage 1")
    stage, step, index = match.groups()

    def is_wanted(task: str) -> bool:
        found = task.split("/")
        return len(found) == 3 and found[1] == step and stage in (None, found[0]) and index in (None, found[2])

    return is_wanted
