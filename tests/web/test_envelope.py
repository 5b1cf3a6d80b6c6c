"""Around every request: a bounded body that is read to its end, safe headers, one line, whatever the app does."""

import asyncio
import io
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from fanfold_web.http import problems
from fanfold_web.http.envelope import Envelope
from fanfold_web.http.problem_types import SHARED
from fanfold_web.log import json_lines
from fanfold_web.metrics import Metrics
from fanfold_web.server import configure, listen
from tests.waiting import poll

LARGEST = 1000


def make_app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(
        Envelope,
        service="test",
        metrics=Metrics("test"),
        limit=lambda scope: None if scope["path"] == "/upload" else LARGEST,
    )
    problems.install(app, SHARED, {})

    @app.post("/read")
    async def read(request: Request) -> int:
        request.state.notes["user"] = "ada"
        return len(await request.body())

    @app.post("/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    return app


def call(app: FastAPI, path: str, chunks: list[bytes], headers: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
    """What the app sends, and how many chunks of the body it has left unread."""
    left, sent = list(chunks), []

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"secret"}
    scope |= {"headers": encoded, "scheme": "http", "http_version": "1.1", "server": ("test", 80), "root_path": ""}
    scope |= {"client": ("192.0.2.1", 5)}
    asyncio.run(app(scope, receive, send))
    return sent, len(left)


@pytest.mark.parametrize("headers", [{"Content-Length": "4000"}, {"Transfer-Encoding": "chunked"}])
def test_a_body_that_is_too_large_is_refused_and_read_to_its_end(headers: dict[str, str]) -> None:
    """Announced or not: a client that sends still would lose the answer if the connection closed on it."""
    sent, left = call(make_app(), "/read", [b"x" * 400] * 10, headers)
    assert sent[0]["status"] == 413 and left == 0
    assert json.loads(sent[1]["body"])["type"] == "urn:fanfold:problem:too-large"


def test_a_body_that_waits_to_be_asked_for_is_not_asked_for() -> None:
    sent, left = call(make_app(), "/read", [b"x"] * 4, {"Content-Length": "4000", "Expect": "100-continue"})
    assert sent[0]["status"] == 413 and left == 4


def test_what_is_within_the_limit_or_has_none_is_read(caplog: pytest.LogCaptureFixture) -> None:
    assert call(make_app(), "/read", [b"x" * LARGEST], {"Content-Length": "1000"})[0][1]["body"] == b"1000"
    assert call(make_app(), "/upload", [b"x" * 4000], {"Content-Length": "4000"})[0][1]["body"] == b"4000"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    found, log = io.StringIO(), logging.getLogger("fanfold_test.requests")
    handler = logging.StreamHandler(found)
    handler.setFormatter(json_lines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield found
    log.removeHandler(handler)


def test_a_line_holds_the_notes_and_no_query(stream: io.StringIO) -> None:
    call(make_app(), "/read", [b"x"], {"X-Request-Id": "r-1"})
    call(make_app(), "/none\n", [], {})
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["user"], first["request_id"], first["status"], first["client"]) == ("ada", "r-1", 200, "192.0.2.1")
    assert (second["problem"], second["status"], second["path"]) == ("not-found", 404, "/none\n")
    assert "secret" not in stream.getvalue()


def test_a_defect_is_a_problem_and_a_traceback_in_the_log(stream: io.StringIO) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("a bug")

    sent, _ = call(Envelope(broken, "test", Metrics("test"), lambda _: None), "/", [], {})  # type: ignore[arg-type]
    assert sent[0]["status"] == 500 and b"a bug" not in sent[1]["body"]
    assert json.loads(stream.getvalue().splitlines()[0])["traceback"].endswith("ZeroDivisionError: a bug")


@pytest.fixture
def port() -> Iterator[int]:
    listener = listen("::", 0)
    server = uvicorn.Server(configure(make_app(), 1))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    poll(lambda: server.started)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
def test_a_refused_sender_gets_its_answer_over_ipv6_and_ipv4(port: int, host: str) -> None:
    """Over real sockets: all of a body is sent before the answer is read."""
    with socket.create_connection((host, port), timeout=10) as connection:
        body = b"x" * (4 << 20)
        connection.sendall(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.sendall(body)
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_head_without_end_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (33 << 10))
        assert connection.recv(12) == b"HTTP/1.1 400"
