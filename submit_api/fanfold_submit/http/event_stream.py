"""A job's events on the wire, for one follower: from the last one that it has seen, until the job has ended.

event: job      the job as `GET /v1/jobs/{id}` shows it; `id` is the revision of its record
event: anew     the last event that the follower has seen isn't known any more: what follows begins anew
event: waiting  why a job that is queued doesn't run yet, and its place, which change without the job
event: end      the job has ended
: …             a comment, every 15 seconds
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import anyio
from anyio import to_thread
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from fanfold_submit.events.changes import JobEvent
from fanfold_submit.events.history import missed
from fanfold_submit.queueing.view import Wait
from fanfold_submit.service import Service

COMMENT_SECONDS = 15.0
PROGRESS_SECONDS = 0.5  # between two events that are mere progress
WAITING_SECONDS = 1.0  # between two looks at the place of a job that waits
COME_AGAIN = 1000  # milliseconds after which a follower is asked to come again if the stream breaks


class EventStream:
    """The events of a job for a follower who has seen the event `seen`, as long as its token holds: `may_stay`."""

    def __init__(
        self, service: Service, job_id: str, seen: str | None, may_stay: Callable[[], Awaitable[bool]]
    ) -> None:
        self._changes, self._jobs, self._queue = service.changes, service.jobs, service.queueing.view
        self._job_id, self._seen, self._may_stay = job_id, seen, may_stay
        self._wait: Wait | None = None
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._closing = False

    def close(self) -> None:
        """End the stream, as the service does; the follower comes again."""
        self._closing = True
        self._news.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The stream's bytes."""
        with ExitStack() as stack:
            followed = self._changes.followed(self._job_id, self._wake)
            follower = await to_thread.run_sync(stack.enter_context, followed)
            first = await to_thread.run_sync(missed, self._changes, self._jobs, self._job_id, self._seen)
            yield format_sse_event(comment=f"events of job {self._job_id}", retry=COME_AGAIN)
            if first.anew:
                yield _event("anew", json.dumps({"detail": f"This begins anew, since {first.anew}."}))
            for past in first.events:
                yield _event("job", past.data, past)
            told, quiet_until = first.now, time.monotonic() + PROGRESS_SECONDS
            comment_at = time.monotonic() + COMMENT_SECONDS
            while not (told.is_final or follower.ended or self._closing):
                self._news.clear()
                event = follower.next_after(told)
                now = time.monotonic()
                if event and (event.turn != told.turn or now >= quiet_until):
                    follower.take(event)
                    yield _event("job", event.data, event)
                    told, quiet_until = event, now + PROGRESS_SECONDS
                elif now >= comment_at:
                    yield format_sse_event(comment="still here")
                    comment_at = now + COMMENT_SECONDS
                    if not await self._may_stay():
                        yield format_sse_event(comment="the access token has ended: come again with another")
                        return
                elif waiting := self._waiting(told):
                    yield waiting
                else:
                    look_at = now + WAITING_SECONDS if told.turn[1] == "queued" else comment_at
                    with anyio.move_on_after(min(comment_at, look_at, quiet_until if event else comment_at) - now):
                        await self._news.wait()
            if told.is_final:
                yield _event("end", json.dumps({"state": told.turn[1]}), told)

    def _waiting(self, told: JobEvent) -> bytes | None:
        """An event if the job waits for another reason than before, or at another place. Only memory is asked."""
        wait = self._queue.of(self._job_id) if told.turn[1] == "queued" else None
        if wait is None or wait == self._wait:
            return None
        self._wait = wait
        return _event("waiting", wait.model_dump_json())

    def _wake(self) -> None:
        """Called in other threads, perhaps of a stream whose loop has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)


class EventStreamResponse(StreamingResponse):
    """A response with a stream of events, which calls `on_end` when it has ended in whatever way."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream, on_end: Callable[[], object]) -> None:
        # Proxies that hold back what they pass on, such as nginx, let streams through that say so.
        super().__init__(stream.chunks(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._stream, self._on_end = stream, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, until the follower leaves, the job ends, or the server does."""
        scope["state"]["close_stream"] = self._stream.close
        try:
            await super().__call__(scope, receive, send)
        finally:
            chunks: Any = self.body_iterator
            await chunks.aclose()
            self._on_end()


def _event(name: str, data: str, event: JobEvent | None = None) -> bytes:
    return format_sse_event(event=name, data_str=data, id=str(event.revision) if event else None)
