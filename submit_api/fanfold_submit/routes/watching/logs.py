"""Logs: what a job's tasks printed, and what happened to them, while it runs and afterwards."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Annotated, Literal

import anyio
from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from fanfold_steps.logs.line import LogLine, as_json
from fanfold_submit.http.access import TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import InvalidLogQuery, NoSuchJob, TooManyStreams
from fanfold_submit.routes.jobs import JobId
from fanfold_submit.service import Service
from fanfold_submit.watching.logs import JobLog, log_of
from fanfold_web.http.openapi import content
from fanfold_web.refusals import Invalid, Refusal
from fanfold_web.tokens.authorization import bearer_token

router = APIRouter(tags=["watching"])
POLL_SECONDS = 1.0
QUIET_SECONDS = 15.0  # after which a position is told, so that nobody takes the connection for dead
LAST_LINES_SECONDS = 3.0  # for workers to write what they have left, once the job has ended
TEXT, JSON_LINES = "text/plain; charset=utf-8", "application/x-ndjson"


class Line(BaseModel):
    """A line of a log in the format `jsonl`. Between lines, an object `{"position", "end"}` says where to go on, and
    whether nothing more will come."""

    time: str = Field(examples=["2026-11-24T07:15:00.125Z"], description="By the clock of the worker's machine")
    worker: str = Field(examples=["map-3"])
    task: str | None = Field(examples=["0/map/12"], description="STAGE/STEP/INDEX; null between tasks")
    by: Literal["job", "progress", "fanfold"] = Field(
        description="`job`: what its code printed; `progress`: what it said with ctx.progress; `fanfold`: what "
        "happened to the task"
    )
    text: str = Field(examples=["claimed"])


@router.get(
    "/v1/jobs/{job_id}/logs",
    summary="Read a job's logs",
    response_class=Response,
    responses={
        200: {
            "description": "The lines in the order of their times",
            "content": {**content("text/plain")["content"], JSON_LINES: {"schema": Line.model_json_schema()}},
        },
        **refusals(NoSuchJob, InvalidLogQuery, Invalid, TooManyStreams),
    },
)
async def read_logs(
    job_id: JobId,
    request: Request,
    caller: Viewer,
    service: TheService,
    task: Annotated[
        str | None, Query(description="Only lines of a task, or of a step's tasks", examples=["map/12", "1/reduce"])
    ] = None,
    follow: Annotated[bool, Query(description="Stay open until the job has ended, or the token has")] = False,
    form: Annotated[Literal["text", "jsonl"], Query(alias="format")] = "text",
    position: Annotated[str, Query(max_length=16_000, description="Go on from a position that a log has told")] = "",
    run: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="An earlier run of the job; by default, the last one")
    ] = None,
) -> Response:
    """What a job's tasks printed, and what happened to them, also long after the job has ended.

    A line of text is `TIME WORKER TASK MARK TEXT`. The mark is `|` for what the job's code printed, `>` for what it
    said with `ctx.progress`, and `*` for what Fanfold says of the task. Runs that go on from one another share
    a log; one that began anew (`anew` of the job) has a log of its own.
    """

    def opened() -> JobLog:
        return log_of(service.jobs.visible(job_id, to=caller).job, service.places, task, position, run)

    log = await service.listings.run(caller.id, opened)
    is_followed = follow and not log.is_over
    seat = service.streams.take(caller.id) if is_followed else await service.readings.wait(caller.id)
    token = bearer_token(request.headers.get("Authorization"))

    async def body() -> AsyncIterator[bytes]:
        lines = _followed(service, caller, job_id, log, token) if is_followed else _read(service, caller, log)
        told = anyio.current_time()
        async for batch, is_end in lines:
            if batch or is_end or anyio.current_time() - told > QUIET_SECONDS:
                told = anyio.current_time()
                yield _encoded(batch, log.position, form, is_end=is_end)

    return _SeatedResponse(body(), seat, TEXT if form == "text" else JSON_LINES)


class _SeatedResponse(StreamingResponse):
    """A response that keeps a seat until it has been sent, or its reader has left."""

    def __init__(self, body: AsyncIterator[bytes], seat: AbstractContextManager[None], media_type: str) -> None:
        super().__init__(body, media_type=media_type)
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seat:
            await super().__call__(scope, receive, send)


Batches = AsyncIterator[tuple[list[LogLine], bool]]
"""Lines, and whether none will follow."""


async def _read(service: Service, caller: Principal, log: JobLog) -> Batches:
    """The lines that there are."""
    is_end = False
    while not is_end:
        lines, is_end = await service.listings.run(caller.id, log.turn)
        yield lines, is_end


async def _followed(service: Service, caller: Principal, job_id: str, log: JobLog, token: str) -> Batches:
    """All lines until the job has ended and its workers have left, or the caller may no longer read."""
    ended: float | None = None
    while True:
        state = await to_thread.run_sync(_state_of, service, caller, job_id, token)
        if state is Watch.FORBIDDEN:
            return
        now = anyio.current_time()
        ended = ended or (now if state is Watch.ENDED else None)
        is_last = state is Watch.LEFT or (ended is not None and now - ended >= LAST_LINES_SECONDS)
        async for lines, is_end in _read(service, caller, log):
            yield lines, is_end and is_last
        if is_last:
            return
        await anyio.sleep(POLL_SECONDS)


class Watch(Enum):
    """What a follower may still expect."""

    RUNNING = auto()
    ENDED = auto()  # the job has; its workers may have lines left
    LEFT = auto()  # they have left, too
    FORBIDDEN = auto()  # the token has ended, or the job was removed


def _state_of(service: Service, caller: Principal, job_id: str, token: str) -> Watch:
    try:
        service.tokens.verify(token)
        job = service.jobs.visible(job_id, to=caller).job
    except Refusal:
        return Watch.FORBIDDEN
    if not job.state.final:
        return Watch.RUNNING
    return Watch.ENDED if service.jobs.is_queued(job) else Watch.LEFT


def _encoded(lines: list[LogLine], position: str, form: str, *, is_end: bool) -> bytes:
    if form == "text":
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    told = [*map(as_json, lines), {"position": position, "end": is_end}]
    return "".join(f"{json.dumps(one)}\n" for one in told).encode()
