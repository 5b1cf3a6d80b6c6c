"""The client's side of the stream of events: what comes over the wire, and how it comes again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from fanfold_client.api import events as module
from fanfold_client.api.events import Event, NoStream, events, parsed
from fanfold_client.api.problems import Away, NotFound
from fanfold_client.api.transport import Transport

WIRE = b""": hello
retry: 1000

event: job\r
id: 7
data: {"state":
data:  "running"}

: still here

event: end
id: 9
data:{"state": "failed"}

event: cut off
"""


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_bytes_become_events_wherever_they_were_cut(size: int) -> None:
    chunks = (WIRE[at : at + size] for at in range(0, len(WIRE), size))
    assert list(parsed(chunks)) == [
        None, Event("7", "job", {"state": "running"}), None, Event("9", "end", {"state": "failed"}),
    ]  # fmt: skip


class Service:
    """Answers of a service, one after the other: bytes of a stream that then breaks or ends, or an error."""

    url = "http://service"

    def __init__(self, *answers: Any, kind: str = "text/event-stream") -> None:
        self.answers, self.kind = list(answers), kind
        self.seen: list[str | None] = []

    @contextmanager
    def stream(self, _: str, headers: dict[str, str], **__: Any) -> Iterator[httpx.Response]:
        self.seen.append(headers.get("Last-Event-ID"))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield httpx.Response(200, headers={"Content-Type": self.kind}, stream=Breaking(answer))


class Breaking(httpx.SyncByteStream):
    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


def told(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    transport: Transport = service  # type: ignore[assignment]
    return list(events(transport, "/v1/jobs/7f/events"))


def wire(kind: str, number: int) -> bytes:
    return f"event: {kind}\nid: {number}\ndata: {number}\n\n".encode()


def test_a_stream_that_breaks_is_taken_up_after_the_last_event(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, gone = httpx.RemoteProtocolError("peer closed"), Away("no response")
    service = Service([wire("job", 1), b"event: jo", broken], gone, [b": x\n\n"], [wire("job", 5), wire("end", 5)])
    assert told(service, monkeypatch) == [Event("1", "job", 1), Event("5", "job", 5), Event("5", "end", 5)]
    assert service.seen == [None, "1", "1", "1"]


def test_a_service_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with pytest.raises(Away):
        told(Service([wire("job", 1)], Away("no response")), monkeypatch)


@pytest.mark.parametrize(
    "service",
    [
        Service([b"<html>"], kind="text/html"),
        Service([httpx.ReadTimeout("timed out")]),
        Service(NotFound("nothing", {"type": "urn:fanfold:problem:not-found"})),
        Service(Away("too many", {"type": "urn:fanfold:problem:too-many-streams"})),
    ],
    ids=["a page of a proxy", "a proxy that holds back", "an older service", "too many followers"],
)
def test_where_nothing_is_streamed_it_says_so(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoStream):
        told(service, monkeypatch)


def test_a_job_that_is_not_there_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        told(Service(NotFound("no job", {"type": "urn:fanfold:problem:no-such-job"})), monkeypatch)
