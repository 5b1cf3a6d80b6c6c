"""Connections with time-outs for slow clients; uvicorn's own has only one for keep-alive.

    the head of a request   HEAD_SECONDS after the connection was made, or after the head's first byte
    the rest of a body      the same, once its request was answered; before, the envelope or the upload times out
    a response              READ_SECONDS in which the client reads nothing

Single bytes that trickle in extend none of these. When there are too many connections, the one that has been idle
longest is closed.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 20.0
READ_SECONDS = 60.0
_TIMED_OUT = b"The request did not arrive in time. Send it again.\n"


class Connection(H11Protocol):
    """One client's connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.idle_since = self.loop.time()
        self._request_timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Make room if there are too many, and wait for a request."""
        super().connection_made(transport)
        while self.limit_concurrency and len(self.connections) >= self.limit_concurrency:
            others = [other for other in self.connections if isinstance(other, Connection) and other is not self]
            idle = [other for other in others if other.is_idle]
            if not idle:
                break
            longest_idle = min(idle, key=lambda other: other.idle_since)
            self.connections.discard(longest_idle)
            longest_idle.transport.abort()
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn leaves that timer running after an error
        for timer in (self._request_timer, self._reading_timer):
            if timer:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; the rest has to arrive in time."""
        super().data_received(data)
        self._expect_request()

    def on_response_complete(self) -> None:
        """Become idle, or continue with the next request if it has begun to arrive."""
        self.idle_since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]:
            self._expect_request()

    def shutdown(self) -> None:
        """End what is idle, and streams that would go on for minutes: they say so in `close_stream` of their state."""
        super().shutdown()
        if not self.is_idle and (close := self.cycle.scope.get("state", {}).get("close_stream")):
            close()

    def pause_writing(self) -> None:
        """The client reads the response more slowly than it is written: give it some time to catch up."""
        super().pause_writing()
        self._reading_timer = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if self._reading_timer:
            self._reading_timer.cancel()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being served."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_request(self) -> None:
        """Start the timer if the client owes a head or the rest of an answered body, and stop it if not."""
        if self.transport.is_closing() or not self.is_idle or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            if self._request_timer:
                self._request_timer.cancel()
            self._request_timer = None
        elif self._request_timer is None:
            self._request_timer = self.loop.call_later(HEAD_SECONDS, self._on_request_late)

    def _on_request_late(self) -> None:
        """Close the connection, with a response if the client has begun a request."""
        if self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            headers = [("Content-Type", "text/plain"), ("Connection", "close")]
            events = (h11.Response(status_code=408, headers=headers), h11.Data(data=_TIMED_OUT), h11.EndOfMessage())
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
            self.transport.close()
        else:
            self.transport.abort()
