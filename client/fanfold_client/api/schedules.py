"""Schedules: jobs that the service submits again and again, when it is time."""

from collections.abc import Iterator
from typing import Any, NotRequired, TypedDict, cast
from urllib.parse import quote

from fanfold_client.api.paths import schedule_path
from fanfold_client.api.responses import Job
from fanfold_client.api.transport import Transport


class Tick(TypedDict):
    """What became of a tick, or of several in a row that fared alike."""

    tick: str
    until: str | None
    ticks: int
    at: str
    outcome: str
    by_hand: bool
    job: str | None
    state: str | None
    why: str | None


class Schedule(TypedDict):
    """A schedule; `history` and `request` are there when a single one is shown."""

    name: str
    owner: str
    owner_id: str
    cron: str
    timezone: str
    catch_up: str
    overlap: str
    output: str | None
    created: str
    paused: str | None
    next: list[str]
    waiting: list[str]
    failures: int
    last: Tick | None
    history: NotRequired[list[Tick]]
    request: NotRequired[dict[str, Any]]


class Schedules:
    """The user's schedules. An administrator names another `owner` by their id."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(self, schedule: dict[str, Any]) -> Schedule:
        """Add a schedule. Repeating the request has no effect.

        Args:
            schedule: the body of `POST /v1/schedules`.
        """
        return cast(Schedule, self._transport.json("POST", "/v1/schedules", json=schedule, repeatable=True))

    def list(self, *, everybody: bool = False) -> Iterator[Schedule]:
        """Schedules by name; `everybody`'s for administrators."""
        return self._transport.items("/v1/schedules", {"all": "true"} if everybody else {})

    def get(self, name: str, owner: str | None = None) -> Schedule:
        """A schedule, what it submits, its next ticks, and what became of the last ones."""
        return cast(Schedule, self._transport.json("GET", _path(name, "", owner)))

    def pause(self, name: str, owner: str | None = None) -> Schedule:
        """Submit nothing until it is resumed. Repeating the request has no effect."""
        return cast(Schedule, self._transport.json("POST", _path(name, "pause", owner), repeatable=True))

    def resume(self, name: str, owner: str | None = None) -> Schedule:
        """Go on with the next tick. Repeating the request has no effect."""
        return cast(Schedule, self._transport.json("POST", _path(name, "resume", owner), repeatable=True))

    def run(self, name: str, owner: str | None = None) -> Job:
        """Submit the schedule's job now."""
        return cast(Job, self._transport.json("POST", _path(name, "run", owner)))

    def remove(self, name: str, owner: str | None = None) -> None:
        """Forget a schedule. Its jobs stay."""
        self._transport.request("DELETE", _path(name, "", owner))


def _path(name: str, action: str, owner: str | None) -> str:
    return schedule_path(name, action) + (f"?owner={quote(owner, safe='')}" if owner else "")
