"""The schedule: what is asked for, what is stored of it, and what became of its ticks."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from fanfold_submit.jobs.job import State
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.schedules.ticks import LONGEST_CRON, Ticks

NAME = "[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"
KEPT = 50  # entries of a history
_TIME: dict[str, JsonValue] = {"format": "date-time"}

CatchUp = Literal["none", "last", "all"]
Overlap = Literal["skip", "queue", "allow"]
Outcome = Literal["submitted", "skipped", "missed", "refused"]


def _checked_name(name: Any) -> Any:
    """The name unchanged. Raises ValueError, which says what a name may hold rather than which pattern it matches."""
    if isinstance(name, str) and not re.fullmatch(NAME, name):
        raise ValueError(
            "a schedule's name has 1 to 63 lower-case letters, digits, dots, hyphens and underscores, and begins and "
            f"ends with a letter or a digit, unlike {name[:80]!a}"
        )
    return name


class ScheduleRequest(BaseModel):
    """A job, and when it is submitted again and again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "nightly",
                    "cron": "0 3 * * *",
                    "timezone": "Europe/Athens",
                    "request": {
                        "job": {"builtin": "wordcount"},
                        "inputs": ["files:texts/"],
                        "output": "files:counts/{date}/",
                    },
                }
            ]
        },
    )

    name: Annotated[
        str,
        Field(pattern=f"^{NAME}$", max_length=63, description="Unique among one's own schedules"),
        BeforeValidator(_checked_name, json_schema_input_type=str),
    ]
    cron: str = Field(max_length=LONGEST_CRON, description="Minute, hour, day of month, month, day of week")
    timezone: str = Field(default="UTC", max_length=100, description="Whose clock it is", examples=["Europe/Athens"])
    catch_up: CatchUp = Field(
        default="none",
        description="Which ticks are made up for that passed while the service was down: none, the last, or all",
    )
    overlap: Overlap = Field(
        default="skip",
        description="While the job of an earlier tick runs, a tick is skipped, waits for its end, or runs, too",
    )
    request: JobRequest = Field(
        description="The body of `POST /v1/jobs`. `{date}` and `{scheduled}` in its output, inputs and name stand for "
        "the tick"
    )


class Tick(BaseModel):
    """What became of a tick, or of several in a row that fared alike."""

    model_config = ConfigDict(frozen=True)

    tick: str = Field(description="When it was due; the first of several", json_schema_extra=_TIME)
    until: str | None = Field(default=None, description="The last of several", json_schema_extra=_TIME)
    ticks: int = Field(default=1, json_schema_extra={"minimum": 1})
    at: str = Field(description="When that was decided", json_schema_extra=_TIME)
    outcome: Outcome
    by_hand: bool = Field(default=False, description="Somebody asked for it with `run`")
    job: str | None = Field(default=None, description="The id of the job that was submitted")
    state: State | Literal["removed"] | None = Field(default=None, description="How the job ended; null: it hasn't")
    why: str | None = Field(default=None, description="Why no job was submitted")

    @property
    def failed(self) -> bool | None:
        """Whether nothing came of it; None: that is not known, or nobody's fault."""
        if self.outcome == "refused" or self.state in (State.FAILED, State.CANCELLED):
            return True
        return False if self.state is State.SUCCEEDED else None


class Schedule(BaseModel):
    """A schedule as it is stored; what it submits lies apart, since that may be large and never changes."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    owner: str
    owner_id: str
    cron: str
    timezone: str
    catch_up: CatchUp
    overlap: Overlap
    output: str | None
    notify: str | None = None
    created: str
    paused: str | None = None  # why
    handled: float  # Unix seconds; what becomes of all ticks up to this moment is decided
    waiting: list[float] = []  # ticks that wait for the job of an earlier one
    history: list[Tick] = []  # the newest first

    @property
    def ticks(self) -> Ticks:
        """When it is due."""
        return Ticks.of(self.cron, self.timezone)

    @property
    def failures(self) -> int:
        """How many times in a row nothing came of it, as far as the history goes."""
        count = 0
        for failed in (entry.failed for entry in self.history):
            if failed is False:
                break
            count += bool(failed)
        return count

    def with_entry(self, entry: Tick, **changes: object) -> "Schedule":
        """A copy with one more entry, and other fields changed."""
        return self.model_copy(update={"history": _merged(entry, self.history), **changes})


def _merged(entry: Tick, history: list[Tick]) -> list[Tick]:
    """The history with the entry; ticks in a row that were skipped or missed for the same reason are one entry."""
    newest = history[0] if history else None
    alike = newest and newest.outcome == entry.outcome and newest.why == entry.why
    if newest and alike and entry.outcome in ("skipped", "missed"):
        changes = {"ticks": newest.ticks + entry.ticks, "until": entry.until or entry.tick, "at": entry.at}
        return [newest.model_copy(update=changes), *history[1:]]
    return [entry, *history][:KEPT]


class ScheduleView(BaseModel):
    """A schedule as callers see it in lists. Times are RFC 3339 in UTC."""

    name: str = Field(examples=["nightly"])
    owner: str = Field(examples=["ada"])
    owner_id: str = Field(examples=["3f9d0c7a51e8b264d09f"])
    cron: str = Field(examples=["0 3 * * *"])
    timezone: str = Field(examples=["Europe/Athens"])
    catch_up: CatchUp
    overlap: Overlap
    output: str | None = Field(description="null if it is kept with each job", examples=["files:counts/{date}/"])
    created: str = Field(json_schema_extra=_TIME)
    paused: str | None = Field(description="Why nothing is submitted; null: it is", examples=["Paused by ada."])
    next: list[str] = Field(description="The next ticks; none if it is paused", examples=[["2026-11-25T01:00:00Z"]])
    waiting: list[str] = Field(description="Ticks that wait for the job of an earlier one")
    failures: int = Field(
        description="How many times in a row the job failed or was refused", json_schema_extra={"minimum": 0}
    )
    last: Tick | None = Field(description="What became of the last tick")


class ScheduleDetails(ScheduleView):
    """All of a schedule but what lets it act for its owner."""

    history: list[Tick] = Field(description="What became of its ticks, the newest first")
    request: dict[str, Any] = Field(description="What is submitted: the body of `POST /v1/jobs`")
