"""Requests over a few connections that are kept open: as many as are answered, or so many a second."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection

CONNECTIONS = 4
MOST_CONNECTIONS = 32  # for requests that come at a rate, however slowly they are answered
TIMEOUT = 30


class Unexpected(Exception):
    """A request was answered with another status than the one that is measured."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and the status that it must be answered with."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    status: int = 200


def ask(port: int, request: Request) -> bytes:
    """The answer to one request. Raises Unexpected."""
    with closing(_connect(port)) as connection:
        return _answer(connection, request)


def repeat(
    port: int, request: Request, *, count: int = 0, seconds: float = 0, connections: int = CONNECTIONS
) -> list[float]:
    """Send it over each connection again and again, `count` times in all or for so many seconds; what each took.

    Raises:
        Unexpected: not as it should be answered.
    """
    end = time.perf_counter() + seconds if seconds else float("inf")
    numbers = iter(range(count)) if count else iter(int, 1)

    def send(connection: HTTPConnection, took: list[float]) -> None:
        for _ in numbers:
            began = time.perf_counter()
            if began >= end:
                return
            _answer(connection, request)
            took.append(time.perf_counter() - began)

    return _together(port, connections, send)


def offer(port: int, request: Request, *, per_second: int, count: int) -> list[float]:
    """Send it so often a second, whether or not earlier ones have been answered; seconds from when each was due.

    Raises:
        Unexpected: not as it should be answered.
    """
    start = time.perf_counter() + 0.5
    numbers = iter(range(count))

    def send(connection: HTTPConnection, took: list[float]) -> None:
        for number in numbers:
            due = start + number / per_second
            time.sleep(max(0.0, due - time.perf_counter()))
            _answer(connection, request)
            took.append(time.perf_counter() - due)

    return _together(port, MOST_CONNECTIONS, send)


def send_all(port: int, requests: Iterable[Request]) -> list[bytes]:
    """Send each once, over a few connections; the answers, in any order. Raises Unexpected."""
    rest, answers = iter(requests), list[bytes]()

    def send(connection: HTTPConnection, _: list[float]) -> None:
        answers.extend(_answer(connection, request) for request in rest)

    _together(port, CONNECTIONS, send)
    return answers


def converse(port: int, firsts: Sequence[Request], follow: Callable[[bytes], Request], *, count: int) -> int:
    """Over a connection each, send requests of which each follows from the last answer; how many there were in all.

    Raises:
        Unexpected: one was not answered as it should be.
    """
    numbers, rest = iter(range(count)), iter(firsts)

    def send(connection: HTTPConnection, _: list[float]) -> None:
        request = next(rest)
        for _number in numbers:
            request = follow(_answer(connection, request))

    _together(port, len(firsts), send)
    return count


def in_threads(count: int, work: Callable[[], None]) -> None:
    """Do the same in so many threads. Raises what one of them raises."""
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work) for _ in range(count)]:
            future.result()


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent don't exceed.

    >>> percentile([3, 1, 2, 4], 50), percentile([3, 1, 2, 4], 99)
    (2, 4)
    """
    return sorted(values)[max(0, -int(-len(values) * percent // 100) - 1)]


def milliseconds(took: Sequence[float]) -> dict[str, float]:
    """The median of some times in seconds, and what 99 % of them don't exceed, in milliseconds.

    >>> milliseconds([0.0031, 0.0012, 0.0023])
    {'p50': 2.3, 'p99': 3.1}
    """
    return {f"p{percent}": round(percentile(took, percent) * 1000, 1) for percent in (50, 99)}


def _together(port: int, connections: int, send: Callable[[HTTPConnection, list[float]], None]) -> list[float]:
    took: list[float] = []

    def over_one() -> None:
        with closing(_connect(port)) as connection:
            send(connection, took)

    in_threads(connections, over_one)
    return took


def _connect(port: int) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)


def _answer(connection: HTTPConnection, request: Request) -> bytes:
    connection.request(request.method, request.path, request.body, dict(request.headers))
    response = connection.getresponse()
    body = response.read()
    if response.status != request.status:
        raise Unexpected(f"{request.method} {request.path} was answered with {response.status}: {body[:300]!r}")
    return body
