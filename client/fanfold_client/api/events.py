"""A job's events as they come, from the service's stream of server-sent events."""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

from fanfold_client.api.problems import Away, ClientError, NotFound
from fanfold_client.api.transport import Transport

SILENCE = httpx.Timeout(40.0, connect=5.0)  # the service sends a comment every 15 s
PAUSE = 1.0  # seconds before coming again after a stream that has broken
PATIENCE = 60.0  # seconds without any event or comment before giving up


class NoStream(ClientError):
    """The service, or what is between, doesn't stream events; asking for the job again and again still works."""

    exit_status = 6


class Event(NamedTuple):
    """An event: its id, which is the job's revision, or empty; `job`, `waiting`, `anew` or `end`; and its data.

    Data of `job` is the job as it was then, of `waiting` why it waits and where. After `anew`, events may have been
    missed. `end` is the last one.
    """

    id: str
    kind: str
    data: Any


def events(transport: Transport, path: str, after: str = "") -> Iterator[Event]:
    """The events of a stream until its end, each once, however often the connection breaks.

    Args:
        transport: requests to the service.
        path: that of the stream.
        after: the id of the last event seen before.

    Raises:
        NoStream: nothing is streamed at all.
        ClientError: the service refuses, or has been silent for a minute.
    """
    last, heard, has_streamed = after, time.monotonic(), False
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        try:
            with transport.stream(path, headers=headers, timeout=SILENCE) as response:
                if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    raise NoStream(f"{transport.url}{path} doesn't stream events: is something in between?")
                for event in parsed(response.iter_raw()):
                    heard, has_streamed = time.monotonic(), True
                    if event is None:
                        continue
                    last = event.id or last
                    yield event
                    if event.kind == "end":
                        return
        except NotFound as error:
            if not _is(error, "not-found"):  # the service is too old to know of events
                raise
            raise NoStream(str(error), error.problem) from error
        except httpx.TransportError as error:
            if not has_streamed and isinstance(error, httpx.ReadTimeout):
                raise NoStream(f"{transport.url}{path} keeps back its events: is a proxy in between?") from error
            if time.monotonic() - heard > PATIENCE:
                raise Away(f"{transport.url} disconnects again and again ({error}): is the service running?") from error
        except Away as error:
            if _is(error, "too-many-streams"):
                raise NoStream(str(error), error.problem) from error
            if time.monotonic() - heard > PATIENCE:
                raise
        time.sleep(PAUSE)


def parsed(chunks: Iterator[bytes]) -> Iterator[Event | None]:
    """The events in the bytes of a stream; None for each comment, which only says that somebody is there."""
    rest, fields = b"", dict[str, str]()
    for chunk in chunks:
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            if line and not name:
                yield None
            elif line:
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
            else:
                if "data" in fields:
                    yield Event(fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"]))
                fields = {}


def _is(error: ClientError, slug: str) -> bool:
    """Whether a problem is of this type."""
    return str(error.problem.get("type", "")).endswith(f":{slug}")
