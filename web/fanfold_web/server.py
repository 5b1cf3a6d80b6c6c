"""How an app is served: uvicorn, with a limit for everything it leaves unlimited, on a socket bound beforehand."""

import resource
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from fanfold_web.command import CannotServe, Exit
from fanfold_web.connections import Connection

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger  # fanfold_web.log imports it, without rich

CONNECTIONS = 500  # beyond them, an idle one is closed for each new one; if none is idle, the new one gets a 503
LONGEST_HEAD = 32 * 1024  # bytes of a request's line and headers
OPEN_FILES = 4096  # enough for two services with all their connections
# Python's own turns take 5 ms. A request needs a turn after each call that waits for the system or a store, a dozen in
# all, so even half a millisecond of computing in another thread would hold it up again and again.
TURN_SECONDS = 0.0005
LAST_REQUESTS = 20  # seconds that open requests get at the end


def configure(app: ASGIApp, last_requests: int = LAST_REQUESTS) -> uvicorn.Config:
    """Limit headers, connections and the time to shut down; do not trust forwarding headers."""
    return uvicorn.Config(
        app,
        http=Connection,
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


def prepare_process() -> None:
    """Allow this process more open files and, while several threads compute, shorter turns."""
    _allow_open_files()
    sys.setswitchinterval(TURN_SECONDS)


def _allow_open_files() -> None:
    """Raise this process's limit on open files, often 1024, to OPEN_FILES, or as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on; `::` accepts those over IPv4 too. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=512, dualstack_ipv6=both)
    # asyncio sets this only on sockets that it made itself; without it each response waits 40 ms for an ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(app: ASGIApp, host: str, port: int, log: "BoundLogger") -> bool:
    """Serve until a signal. Return whether serving began; the log holds the URL. Raises CannotServe.

    SIGTERM raises SystemExit with status 0 and SIGINT raises KeyboardInterrupt, each once open requests have ended, so
    the caller's own cleanup runs.
    """
    try:
        listener = listen(host, port)
    except OSError as error:
        raise CannotServe(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another --host or --port."
        ) from error
    prepare_process()
    with listener:
        address, port = listener.getsockname()[:2]
        log.info("serving", url=f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}")
        signal.signal(signal.SIGTERM, _exit)
        server = uvicorn.Server(configure(app))
        server.run([listener])
        return server.started


def _exit(_: int, __: FrameType | None) -> None:
    """Uvicorn has shut down by now and raises the signal again."""
    raise SystemExit(Exit.DONE)
