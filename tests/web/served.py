"""An app behind a real socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from fanfold_web.server import configure, listen
from tests.waiting import poll


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Serve the app; yields its port on loopback."""
    with listen("127.0.0.1", 0) as listener, served_on(app, listener):
        yield listener.getsockname()[1]


@contextmanager
def served_on(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    """Serve the app on a socket that listens."""
    server = uvicorn.Server(configure(app))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    poll(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=15)
