"""What every request gets around it: an id, a limit on its body, safe headers, one log line, its place in the metrics.

A log line says who asked for what and how it was answered; never a header, a query or a body, so no token.
"""

import logging
import re
import secrets
import time
from typing import Any

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanfold_submit.metrics import Metrics
from fanfold_submit.problems import internal_error

LARGEST_BODY = 1 << 20  # bytes, where the body is no upload
DRAINED_BYTES, DRAINED_SECONDS = 8 << 20, 2.0
_UPLOADS = ("/v1/files/", "/v1/bundles/")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger("fanfold_submit.requests")


class Envelope:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        body = _Body(scope, receive)
        reply = _Reply(send, request_id, body)
        started = time.perf_counter()
        try:
            await self._serve(scope, body, reply)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.observe(scope["method"], route, reply.status, seconds)
            client = scope.get("client")
            fields = {
                "request_id": request_id,
                "method": scope["method"],
                "path": scope["path"],
                "status": reply.status,
                "seconds": round(seconds, 4),
                "client": client[0] if client else None,
                "user": state.get("user"),
            }
            log.info("request", extra={"fields": fields})

    async def _serve(self, scope: Scope, body: "_Body", reply: "_Reply") -> None:
        try:
            await self._app(scope, body, reply)
        except Exception:  # whatever it was, the caller gets a problem and the log the traceback
            log.exception("request failed", extra={"fields": {"request_id": reply.request_id}})
            if not reply.status:
                await internal_error()(scope, body, reply)


class _Body:
    """Receives the request's body and counts it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        upload = scope["method"] == "PUT" and scope["path"].startswith(_UPLOADS)
        self._largest = None if upload else LARGEST_BODY
        headers = Headers(scope=scope)
        self._waits_for_us = "expect" in headers
        self._ended = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self._receive, self._size = receive, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._ended = self._ended or message["type"] == "http.disconnect" or not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self._largest is not None and self._size > self._largest:
            raise HTTPException(413, f"The request's body is larger than {self._largest} bytes.")
        return message

    async def drain(self) -> None:
        """Read on for a while: whoever is sending still would not see our answer if the connection closed on them."""
        self._largest, end = None, self._size + DRAINED_BYTES
        with anyio.move_on_after(DRAINED_SECONDS):
            while not self._ended and not self._waits_for_us and self._size < end:
                await self()


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


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
