"""Sockets: IPv4, IPv6 and both; what uvicorn leaves open is bounded."""

import socket

import pytest
from fastapi import FastAPI

from fanfold_web.server import configure, listen


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [("127.0.0.1", ["127.0.0.1"]), ("::1", ["::1"]), ("::", ["::1", "127.0.0.1"]), ("0.0.0.0", ["127.0.0.1"])],
)
def test_where_a_listener_is_reached(host: str, reached_at: list[str]) -> None:
    with listen(host, 0) as listener:
        for address in reached_at:
            socket.create_connection((address, listener.getsockname()[1]), timeout=5).close()


def test_a_port_is_taken_once() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])


def test_everything_that_can_pile_up_is_bounded() -> None:
    for config in (configure(FastAPI()), configure(FastAPI(), 5)):
        assert config.limit_concurrency and config.h11_max_incomplete_event_size and config.timeout_keep_alive
        assert not config.proxy_headers and not config.server_header and not config.access_log
    assert (configure(FastAPI()).timeout_graceful_shutdown, config.timeout_graceful_shutdown) == (20, 5)
