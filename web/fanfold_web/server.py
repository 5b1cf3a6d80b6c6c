"""How an app is served: uvicorn with every limit set that it leaves open by default, on a socket bound beforehand."""

import logging
import socket

import uvicorn
from starlette.types import ASGIApp

CONNECTIONS = 500  # more are answered with 503
LONGEST_HEAD = 32 * 1024  # bytes of a request's line and headers
LAST_REQUESTS = 20  # seconds that open requests get at the end


def configure(app: ASGIApp, last_requests: int = LAST_REQUESTS) -> uvicorn.Config:
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
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=last_requests,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; `::` takes those over IPv4 too. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=512, dualstack_ipv6=both)
    # asyncio sets this only on sockets that it made itself; without it each answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(app: ASGIApp, listener: socket.socket, log: logging.Logger) -> bool:
    """Serve until a signal; whether it ever began. The log tells the URL."""
    address, port = listener.getsockname()[:2]
    url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    log.info("serving", extra={"fields": {"url": url}})
    server = uvicorn.Server(configure(app))
    server.run([listener])
    return server.started
