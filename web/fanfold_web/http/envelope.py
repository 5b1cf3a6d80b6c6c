"""What surrounds every request: an id, a limit on its body, safe headers, one log line, and metrics.

The log line is the audit trail. It says who asked for what and how that was answered, with the notes that handlers
leave in `request.state.notes`. It never holds a header, a query or a body, and so no token or password.
"""

import math
import re
import secrets
import time
from collections.abc import Callable, Collection
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanfold_web.http.problem_types import SHARED
from fanfold_web.http.problems import response_to
from fanfold_web.log import logger
from fanfold_web.metrics import Metrics
from fanfold_web.refusals import BadRequest, Internal, Misdirected, Refusal, TooLarge

DRAINED_BYTES, DRAINED_SECONDS = 8 << 20, 2.0
BODY_SECONDS = 30.0  # for a whole body of limited size
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

Limit: TypeAlias = Callable[[Scope], int | None]
"""How many bytes a request's body may have; None where the route itself limits it."""


class Envelope:
    """The outermost layer of a service's app.

    With `hosts`, requests whose `Host` or `Origin` is another host are refused. That stops DNS rebinding: a browser
    that an attacker's name leads to a service on loopback sends that name. To the paths in `from_anywhere`, pages of
    any origin may send forms.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: str,
        metrics: Metrics,
        limit: Limit,
        hosts: Collection[str] = (),
        from_anywhere: Collection[str] = (),
    ) -> None:
        self._app, self._metrics, self._limit, self._hosts = app, metrics, limit, hosts
        self._from_anywhere = from_anywhere
        self._logger = logger(f"fanfold_{service}.requests")

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
            self._logger.info("request", **line)

    async def _serve(self, scope: Scope, body: "_Body", reply: "_Reply") -> None:
        if refusal := self._refusal(scope, body):
            response = response_to(refusal, SHARED[type(refusal)])
            if isinstance(refusal, BadRequest):
                response.headers["Connection"] = "close"
            await response(scope, body, reply)
            return
        try:
            await self._app(scope, body, reply)
        except Exception:  # whatever it was, the caller gets a problem and the log the traceback
            self._logger.exception("request failed", request_id=reply.request_id)
            if not reply.status:
                await response_to(Internal(), SHARED[Internal])(scope, body, reply)

    def _refusal(self, scope: Scope, body: "_Body") -> Refusal | None:
        """Why no route gets to see the request; None if one does."""
        headers = Headers(scope=scope)
        origins = [] if scope["path"] in self._from_anywhere else headers.getlist("origin")
        if self._hosts and (foreign := _foreign_host(headers.getlist("host"), origins, self._hosts)) is not None:
            own = next(iter(self._hosts))
            return Misdirected(f"This service isn't reached as {foreign!r:.80}. Use a name of its own, such as {own}.")
        if "content-length" in headers and "transfer-encoding" in headers:  # RFC 9112 §6.1: perhaps smuggled
            return BadRequest("Content-Length and Transfer-Encoding don't go together. Send one of them.")
        return TooLarge(body.excess) if body.excess else None


class _Body:
    """Receives the request's body and counts it."""

    def __init__(self, scope: Scope, receive: Receive, largest: int | None) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        self._expects_continue = "expect" in headers
        self._ended = length == "0" and "transfer-encoding" not in headers
        self._receive, self._size, self._largest = receive, 0, largest
        self._due = anyio.current_time() + (math.inf if largest is None else BODY_SECONDS)
        self.excess = self._excess(int(length) if length.isascii() and length.isdigit() else 0)

    async def __call__(self) -> Message:
        message = await self._in_time()
        self._ended = self._ended or message["type"] == "http.disconnect" or not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if excess := self._excess(self._size):
            raise HTTPException(SHARED[TooLarge].status, excess)
        return message

    async def drain(self) -> bool:
        """Read on for a while: if the connection closed now, a client that is still sending wouldn't see the response.

        Returns whether the whole body has been read.
        """
        self._largest, self._due, end = None, math.inf, self._size + DRAINED_BYTES
        with anyio.move_on_after(DRAINED_SECONDS):
            while not self._ended and not self._expects_continue and self._size < end:
                await self()
        return self._ended

    async def _in_time(self) -> Message:
        """The next message. Raises HTTPException: the body is still incomplete when it is due."""
        if self._ended or self._due == math.inf:
            return await self._receive()
        with anyio.move_on_after(self._due - anyio.current_time()):
            return await self._receive()
        raise HTTPException(408, f"The body had not arrived after {BODY_SECONDS:.0f} s. Send the request again.")

    def _excess(self, size: int) -> str:
        if self._largest is None or size <= self._largest:
            return ""
        return f"The body is larger than {self._largest} bytes, the most this service accepts here. Send less."


class _Reply:
    """Sends the response, adds headers and remembers the status."""

    def __init__(self, send: Send, request_id: str, body: _Body) -> None:
        self._send, self.request_id, self._body, self.status = send, request_id, body, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            if self.status >= 400 and not await self._body.drain():
                headers["Connection"] = "close"
        await self._send(message)


def _foreign_host(sent: list[str], origins: list[str], hosts: Collection[str]) -> str | None:
    """The host in the headers `Host` or `Origin` that isn't in `hosts`; None if all are."""
    named = [f"//{host}" for host in sent] or ["//"]
    for url in [*named, *origins]:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = url
        if host not in hosts:
            return host
    return None


def source(scope: Scope) -> str:
    """The peer's address. Forwarding headers are not trusted: anybody can write them."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def _request_id(scope: Scope) -> str:
    proposal = Headers(scope=scope).get("x-request-id", "")
    return proposal if _REQUEST_ID.fullmatch(proposal) else secrets.token_hex(8)
