"""Retries, against a real server that misbehaves as it is told."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fanfold_client.api import transport
from fanfold_client.api.credentials import Fixed
from fanfold_client.api.problems import Away, Conflict, NotAllowed, Refused
from fanfold_client.api.transport import Transport
from fanfold_client.client import Client

CONTENT = bytes(range(256)) * 5000


@dataclass
class Script:
    """What the server does with each request in turn (the last one for all that follow), and what it was sent."""

    steps: list[str] = field(default_factory=lambda: ["ok"])
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""
    etag: str = '"one"'
    retry_after: str = "0"
    challenge: str = 'Bearer realm="fanfold", error="invalid_token"'


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            step = script.steps.pop(0) if len(script.steps) > 1 else script.steps[0]
            if step == "break before reading":
                self.close_connection = True
                script.seen.append((self.command, self.path, b""))
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.keys.append(self.headers.get("Idempotency-Key"))
            script.seen.append((self.command, self.headers.get("Range", self.path), body))
            if step == "break":
                self.close_connection = True
            elif step.isdigit():
                challenge = {"WWW-Authenticate": script.challenge} if step == "401" else {}
                self.say(int(step), b'{"detail": "so it is"}', {"Retry-After": script.retry_after} | challenge)
            elif step == "wait long":
                self.say(503, b"{}", {"Retry-After": "3600"})
            elif step == "conflict":
                self.say(409, b'{"detail": "so it is"}', {})
            elif step == "html":
                self.say(502, b"<h1>Bad gateway</h1>", {})
            elif step == "content":
                self.content(len(CONTENT))
            elif step == "half the content":
                self.content(len(CONTENT) // 2)
            else:
                self.say(200, b'{"path": "a", "size": 1, "sha256": ""}', {})

        def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def content(self, most: int) -> None:
            start = 0
            if (wanted := self.headers.get("Range")) and self.headers.get("If-Range") == script.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("ETag", script.etag)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start : start + most])
            self.close_connection = start + most < len(CONTENT)

        do_GET = do_PUT = do_POST = do_HEAD = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that turns away from a broken answer is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("trouble", ["break", "503", "429", "409", "break before reading"])
def test_an_upload_is_sent_again_whole(script: Script, tmp_path: Path, trouble: str):
    script.steps = [trouble, "ok"]
    (tmp_path / "a").write_bytes(CONTENT)
    told: list[int] = []
    with Client(script.url) as client:
        client.files.put("a", tmp_path / "a", told.append)
    assert script.seen[-1] == ("PUT", "/v1/files/a", CONTENT)
    assert sum(told) == len(CONTENT)


def test_a_submission_is_sent_again_under_its_key(script: Script):
    script.steps = ["break", "503", "ok"]
    with Client(script.url) as client:
        client.jobs.submit({"job": {"builtin": "wordcount"}})
        client.jobs.submit({"job": {"builtin": "wordcount"}})
    assert len(script.seen) == 4
    assert len({body for _, _, body in script.seen}) == 1
    first, *again, another = script.keys
    assert first is not None
    assert again == [first, first]
    assert another not in (None, first), "each submission has a key of its own"


def test_what_may_not_be_repeated_is_not(script: Script):
    script.steps = ["break", "ok"]
    to_service = Transport(script.url)
    with pytest.raises(Away):
        to_service.json("POST", "/v1/users", json={})
    assert len(script.seen) == 1
    to_service.close()


def test_a_conflict_that_stays_is_told_at_once(script: Script):
    script.steps = ["conflict"]
    with Client(script.url) as client, pytest.raises(Conflict, match="so it is"):
        client.jobs.submit({"job": {"builtin": "wordcount"}})
    assert len(script.seen) == 1


def test_it_gives_up_in_the_end(script: Script):
    script.steps = ["503"]
    with Client(script.url) as client, pytest.raises(Away, match="so it is"):
        client.about()
    assert len(script.seen) == 5


def test_it_does_not_wait_for_an_hour(script: Script):
    script.steps = ["wait long"]
    with Client(script.url) as client, pytest.raises(Away):
        client.about()
    assert len(script.seen) == 1


@pytest.mark.parametrize(
    ("status", "error"), [("400", Refused), ("403", NotAllowed), ("conflict", Conflict), ("500", Away)]
)
def test_problems_become_exceptions(script: Script, status: str, error: type[Exception]):
    script.steps = [status]
    with Client(script.url) as client, pytest.raises(error, match="so it is"):
        client.about()
    assert len(script.seen) == 1


def test_an_answer_that_is_no_problem_is_told_as_it_is(script: Script):
    script.steps = ["html"]
    with Client(script.url) as client, pytest.raises(Away, match="responded 502 Bad Gateway"):
        client.about()


def test_a_token_that_cannot_be_renewed(script: Script):
    script.steps = ["401"]
    with Client(script.url, Fixed("old")) as client, pytest.raises(NotAllowed, match="FANFOLD_TOKEN"):
        client.me()
    assert len(script.seen) == 1


def test_a_401_that_is_not_about_the_token_is_told_as_it_is(script: Script):
    script.steps, script.challenge = ["401"], 'Bearer realm="fanfold"'
    with Client(script.url, Fixed("good")) as client, pytest.raises(NotAllowed, match="so it is"):
        client.me()
    assert len(script.seen) == 1


@pytest.mark.parametrize(("current", "times"), [(None, 2), ("the old one", 1)])
def test_a_change_of_your_own_password_is_not_sent_twice(script: Script, current: str | None, times: int):
    script.steps = ["break", "ok"]
    with Client(script.url, auth_url=script.url) as client, contextlib.suppress(Away):
        client.users.set_password("ada", "a new one", current)
    assert len(script.seen) == times


def test_a_download_goes_on_where_it_broke(script: Script):
    script.steps = ["half the content", "break", "content"]
    with Client(script.url) as client:
        assert b"".join(client.files.read("a")) == CONTENT
    assert [place for _, place, _ in script.seen] == ["/v1/files/a", *[f"bytes={len(CONTENT) // 2}-"] * 2]


def test_a_download_never_mixes_two_versions(script: Script):
    script.steps = ["half the content", "content"]
    with Client(script.url) as client, pytest.raises(Conflict, match="was replaced"):
        for _ in client.files.read("a"):
            script.etag = '"two"'


@pytest.mark.thorough
def test_a_download_that_brings_nothing_ends(script: Script):
    script.steps = ["half the content", "break"]
    with Client(script.url) as client, pytest.raises(Away):
        list(client.files.read("a"))


def test_the_wait_doubles_and_is_never_twice_the_same():
    for attempt, least in ((1, 0.2), (2, 0.4), (4, 1.6)):
        waits = [transport._wait(attempt) for _ in range(50)]
        assert all(least <= wait <= 1.25 * least for wait in waits)
        assert len(set(waits)) > 10
    assert 7 <= transport._wait(1, "7") <= 8.75
    assert transport._wait(1, "Fri, 31 Dec 1999 23:59:59 GMT") <= 0.25, "a date is no number of seconds"


@pytest.mark.parametrize(("asked_for", "tries"), [("0", 5), ("1", 5), ("10", 5), ("11", 1), ("3600", 1)])
def test_a_service_may_ask_for_ten_seconds(script: Script, monkeypatch: pytest.MonkeyPatch, asked_for: str, tries: int):
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr("random.SystemRandom.uniform", lambda self, least, most: 1.0)
    script.steps, script.retry_after = ["503"], asked_for
    with Client(script.url) as client, pytest.raises(Away):
        client.about()
    assert len(script.seen) == tries
    assert waits == [float(asked_for)] * (tries - 1)


def test_what_is_not_a_url_is_refused():
    with pytest.raises(
        Refused, match=r"'http://127.0.0.1:x' is not the URL of a service \(Invalid port: 'x'\): write it"
    ):
        Transport("http://127.0.0.1:x")
