"""How the app is served: uvicorn with every limit set that it leaves open by default."""

import socket

import uvicorn
from fastapi import FastAPI


def configure(app: FastAPI) -> uvicorn.Config:
    """Bounded headers, connections and shutdown; forwarding headers are not believed."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=500,
        h11_max_incomplete_event_size=32 * 1024,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=20,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    # asyncio sets this only on sockets that it made itself; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
