"""Clients that keep a service waiting lose their connection, and take no place from others."""

import contextlib
import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fanfold_web import connections, server
from fanfold_web.http import envelope, problems
from fanfold_web.http.envelope import Envelope
from fanfold_web.http.problem_types import SHARED
from fanfold_web.metrics import Metrics
from tests.waiting import poll
from tests.web.served import served

RUNNING: Counter[threading.Event] = Counter()
GET = b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"


class Noting:
    """Sets an event once a large response has ended, however it has."""

    def __init__(self, app: ASGIApp, ended: threading.Event) -> None:
        self._app, self._ended = app, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if scope.get("path") == "/large":
                self._ended.set()


def make_app(release: threading.Event) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Noting, ended=release)
    app.add_middleware(Envelope, service="test", metrics=Metrics("test"), limit=lambda _: 1 << 20)
    problems.install(app, SHARED, {})

    @app.get("/ok")
    async def ok() -> str:
        return "ok"

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    @app.post("/unread")
    async def unread() -> str:
        return "not read"

    @app.get("/slow")
    def slow() -> str:
        RUNNING[release] += 1
        release.wait(20)
        return "slow"

    @app.get("/large")
    def large() -> Response:
        return StreamingResponse(iter([b"x" * (1 << 20)] * 64))

    return app


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


Connect = Callable[[bytes], socket.socket]


@pytest.fixture
def connect(release: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connects to a service whose patience is short, and sends something."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(connections, "READ_SECONDS", 0.4)
    monkeypatch.setattr(envelope, "BODY_SECONDS", 0.4)
    monkeypatch.setattr(envelope, "DRAINED_SECONDS", 0.1)
    monkeypatch.setattr(server, "CONNECTIONS", 6)
    with served(make_app(release)) as port, contextlib.ExitStack() as stack:

        def open_and_send(data: bytes = b"") -> socket.socket:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            client.sendall(data)
            return client

        yield open_and_send


def rest_of(client: socket.socket) -> bytes:
    """All that the service sends until it closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(1 << 16):
            data += chunk
    return data


def answer_to(client: socket.socket) -> tuple[int, bytes]:
    """The status and the body of one response, after which the connection may stay open."""
    response = http.client.HTTPResponse(client)
    response.begin()
    return response.status, response.read()


def trickle(client: socket.socket, byte: bytes) -> None:
    """Send single bytes until the service has closed the connection."""
    end = time.monotonic() + 20
    with contextlib.suppress(OSError):
        client.settimeout(0.02)
        while time.monotonic() < end:
            client.sendall(byte)
            with contextlib.suppress(TimeoutError):
                if client.recv(1 << 16) == b"":
                    return
    assert time.monotonic() < end, "the service has read for ever"


@pytest.mark.parametrize("head", [b"G", b"GET /ok HTTP/1.1\r\nHost: x\r\n", GET + b"GET /ok HT"])
def test_half_a_head_is_answered_in_the_end(connect: Connect, head: bytes) -> None:
    answer = rest_of(connect(head))
    assert answer.count(b"HTTP/1.1 408") == 1 and b"The request did not arrive in time" in answer
    assert answer.count(b"HTTP/1.1 200") == head.count(GET)


def test_a_client_that_says_nothing_is_let_go(connect: Connect) -> None:
    assert rest_of(connect(b"")) == b""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "begun",
    [
        b"GET /ok HTTP/1.1\r\nX-Slow: ", GET + b"GET /ok HTTP/1.1\r\nX-Slow: ",
        b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
    ],
)  # fmt: skip
def test_single_bytes_buy_no_time(connect: Connect, begun: bytes) -> None:
    trickle(connect(begun), b"x")


def test_half_a_body_is_answered_in_the_end(connect: Connect) -> None:
    answer = rest_of(connect(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"))
    assert answer.startswith(b"HTTP/1.1 408") and b"application/problem+json" in answer
    assert b"connection: close" in answer.lower() and b"The body had not arrived after" in answer


def test_a_client_that_does_not_read_is_let_go(connect: Connect, release: threading.Event) -> None:
    client = connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    assert release.wait(20), "the service still waits for the client to read"
    assert len(rest_of(client)) < 32 << 20


@pytest.mark.thorough
def test_a_slow_response_is_no_slow_request(connect: Connect, release: threading.Event) -> None:
    client = connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    threading.Timer(0.7, release.set).start()
    assert answer_to(client) == (200, b'"slow"')


def test_idle_connections_make_room_the_oldest_first(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60.0)
    idle = []
    for number in range(4):
        idle.append(connect(GET if number % 2 else b"G"))
        assert not number % 2 or answer_to(idle[-1]) == (200, b'"ok"')
    for _ in range(3):
        assert answer_to(connect(GET)) == (200, b'"ok"')
    assert rest_of(idle[0]) == rest_of(idle[1]) == b""
    idle[3].sendall(GET)
    assert answer_to(idle[3]) == (200, b'"ok"')


def test_requests_under_way_make_no_room(connect: Connect, release: threading.Event) -> None:
    busy = []
    for number in range(5):
        busy.append(connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        poll(lambda: RUNNING[release] > number)  # noqa: B023 (called at once)
    assert answer_to(connect(GET))[0] == 503
    release.set()
    for client in busy:
        assert answer_to(client) == (200, b'"slow"')
    assert answer_to(connect(GET))[0] == 200
