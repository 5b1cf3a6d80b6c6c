"""Serve several apps in one process, each with an event loop and a thread pool of its own.

With a single loop the apps would share a thread pool, and a service waiting for the other could occupy its last thread.
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

from fanfold_web.server import configure, prepare_process

POLL_SECONDS = 0.1
GRACE_SECONDS = 5  # for open requests at the end: somebody is waiting at the terminal


def run(apps: Sequence[tuple[FastAPI, socket.socket]], on_ready: Callable[[], None]) -> None:
    """Serve each app on its socket until SIGINT or SIGTERM, or until one of them ends.

    Args:
        apps: each with a socket that is listening.
        on_ready: called once all of them respond.
    """
    prepare_process()
    servers = [uvicorn.Server(configure(app, GRACE_SECONDS)) for app, _ in apps]
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
            time.sleep(POLL_SECONDS / 10)
        if running():
            on_ready()
        while running():
            time.sleep(POLL_SECONDS)
        for server in servers:
            server.should_exit = True
        for thread in threads:
            thread.join()


@contextmanager
def _stopped_by_signals(servers: Sequence[uvicorn.Server]) -> Iterator[None]:
    """Stop the servers on SIGINT and SIGTERM; a second signal doesn't wait for open requests."""

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
