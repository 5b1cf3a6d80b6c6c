"""Serve several apps in one process: sockets bound first, an event loop and threads for each, an end that waits.

One loop for all would share one pool of threads, and a service that waits for the other could take the last of them.
"""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from fanfold_web.server import configure

LOOK = 0.1  # seconds between two looks at whether to go on
LAST_REQUESTS = 5  # seconds that open requests get at the end: somebody waits at the terminal


def run(apps: Sequence[tuple[FastAPI, socket.socket]], tell: Callable[[], None]) -> None:
    """Serve each app on its socket until SIGINT or SIGTERM, or until one ends; `tell` is called when all answer."""
    servers = [uvicorn.Server(configure(app, LAST_REQUESTS)) for app, _ in apps]
    threads = [
        threading.Thread(target=server.run, args=([listener],), daemon=True)
        for server, (_, listener) in zip(servers, apps, strict=True)
    ]

    def running() -> bool:
        return all(thread.is_alive() for thread in threads) and not any(server.should_exit for server in servers)

    with _stopped_by_signals(servers):
        for thread in threads:
            thread.start()
        while running() and not all(server.started for server in servers):
            time.sleep(LOOK / 10)
        if running():
            tell()
        while running():
            time.sleep(LOOK)
        for server in servers:
            server.should_exit = True
        for thread in threads:
            thread.join()


@contextmanager
def _stopped_by_signals(servers: Sequence[uvicorn.Server]) -> Iterator[None]:
    """SIGINT and SIGTERM end the servers; a second one doesn't wait for open requests."""

    def stop(_: int, __: FrameType | None) -> None:
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
