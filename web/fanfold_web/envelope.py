"""What every request gets around it: an id, a limit on its body, safe headers, one log line, its place in the metrics.

The log line is the audit trail. It holds who asked for what and how it was answered, with the notes that a handler
leaves in `request.state.notes`; never a header, a query or a body, so neither tokens nor passwords.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanfold_web.kinds import INTERNAL, TOO_LARGE
from fanfold_web.metrics import Metrics
from fanfold_web.problems import answer

DRAINED_BYTES, DRAINED_SECONDS = 8 << 20, 2.0
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

Limit: TypeAlias = Callable[[Scope], int | None]
"""How many bytes a request's body may have; None where the route sees to it itself."""


class Envelope:
    """The outermost layer of a service's app."""

    def __init__(self, app: ASGIApp, service: str, metrics: Metrics, limit: Limit) -> None:
        self._app, self._metrics, self._limit = app, metrics, limit
        self._logger = logging.getLogger(f"fanfold_{service}.requests")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        notes: dict[str, Any] = {}
        scope.setdefault("state", {}).update(notes=notes, request_id=request_id)
        body = _Body(scope, receive, self._limit(scope))
        reply = _Reply(send, request_id, body)
        started = time.perf_counter()
        try:
            await self._serve(scope, body, reply)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.observe(scope["method"], route, reply.status, seconds)
            line = {"request_id": request_id, "method": scope["method"], "path": scope["path"], "status": reply.status}
            line |= {"seconds": round(seconds, 4), "client": source(scope)} | notes
            self._logger.info("request", extra={"fields": line})

    async def _serve(self, scope: Scope, body: "_Body", reply: "_Reply") -> None:
        if body.refused:
            await answer(TOO_LARGE, body.refused)(scope, body, reply)
            return
        try:
            await self._app(scope, body, reply)
        except Exception:  # whatever it was, the caller gets a problem and the log the traceback
            self._logger.exception("request failed", extra={"fields": {"request_id": reply.request_id}})
            if not reply.status:
                await answer(INTERNAL, INTERNAL.example)(scope, body, reply)


class _Body:
    """Receives the request's body and counts it."""

    def __init__(self, scope: Scope, receive: Receive, largest: int | None) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        self._waits_for_us = "expect" in headers
        self._ended = length == "0" and "transfer-encoding" not in headers
        self._receive, self._size, self._largest = receive, 0, largest
        self.refused = self._excess(int(length) if length.isascii() and length.isdigit() else 0)

    async def __call__(self) -> Message:
        message = await self._receive()
        self._ended = self._ended or message["type"] == "http.disconnect" or not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if excess := self._excess(self._size):
            raise HTTPException(TOO_LARGE.status, excess)
        return message

    async def drain(self) -> None:
        """Read on for a while: whoever is sending still would not see our answer if the connection closed on them."""
        self._largest, end = None, self._size + DRAINED_BYTES
        with anyio.move_on_after(DRAINED_SECONDS):
            while not self._ended and not self._waits_for_us and self._size < end:
                await self()

    def _excess(self, size: int) -> str:
        if self._largest is None or size <= self._largest:
            return ""
        return f"The body is larger than {self._largest} bytes, the most that is accepted here. Send less."


class _Reply:
    """Sends the answer, adds headers and remembers the status."""

    def __init__(self, send: Send, request_id: str, body: _Body) -> None:
        self._send, self.request_id, self._body, self.status = send, request_id, body, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            if self.status >= 400:
                await self._body.drain()
        await self._send(message)


def source(scope: Scope) -> str:
    """The peer's address. Forwarding headers are not believed: anybody can write them."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
