"""What every request gets around it: an id, a limit on its body, safe headers, one log line and its place in the
metrics.

The log line is the audit trail. It holds who asked for what and how it was answered, with the notes that a handler
leaves in `request.state.notes`; never a header, a query or a body, so neither tokens nor passwords.
"""

import json
import logging
import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanfold_auth import problems
from fanfold_auth.metrics import Metrics

LARGEST_BODY = 64 * 1024
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger("fanfold_auth.requests")


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
        notes: dict[str, Any] = {}
        scope.setdefault("state", {}).update(notes=notes, request_id=request_id)
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        try:
            await self._serve(scope, _Body(scope, receive), answer)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.observe(scope["method"], route, answer.status, seconds)
            fields = {
                "request_id": request_id,
                "method": scope["method"],
                "path": scope["path"],
                "status": answer.status,
            }
            fields |= {"seconds": round(seconds, 4), "client": source(scope)} | notes
            log.info("request", extra={"fields": fields})

    async def _serve(self, scope: Scope, body: "_Body", answer: "_Answer") -> None:
        if body.announced > LARGEST_BODY:
            await problems.respond(_too_large())(scope, body, answer)
            return
        try:
            await self._app(scope, body, answer)
        except Exception:  # whatever it was, the caller gets a problem and the log the traceback
            log.exception("request failed", extra={"fields": {"request_id": scope["state"]["request_id"]}})
            if not answer.status:
                detail = "Something went wrong here; the log has it under this request's X-Request-Id."
                await problems.respond(problems.from_status(500, detail))(scope, body, answer)


class _Body:
    """Receives the request's body and counts it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        self.announced = int(length) if length.isascii() and length.isdigit() else 0
        self._receive, self._size = receive, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > LARGEST_BODY:
            raise HTTPException(413, _too_large().detail)
        return message


class _Answer:
    """Sends the answer, adds headers and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._request_id, self.status = send, request_id, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


class JSONLines(logging.Formatter):
    """One JSON object a line, UTC; control characters arrive escaped, so nobody forges a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with the fields that came with it."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def source(scope: Scope) -> str:
    """The peer's address. Forwarding headers are not believed: anybody can write them."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


def _too_large() -> problems.Problem:
    return problems.from_status(413, f"The request's body is larger than {LARGEST_BODY} bytes.")
