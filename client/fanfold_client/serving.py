"""Serve several apps in one process: sockets bound first, one event loop, an end that waits for open requests."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from fanfold_client.problems import Conflict

EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 (asked for, not chosen)
LAST_REQUESTS = 5  # seconds that open requests get at the end


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on (port 0: a free one). Raises Conflict."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Conflict(f"can't listen on {host}:{port} ({reason}): choose another port, or 0 for a free one") from error


def url_of(host: str, listener: socket.socket) -> str:
    """The URL under which this machine reaches the socket."""
    name = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def run(apps: Sequence[tuple[FastAPI, socket.socket]], tell: Callable[[], None]) -> None:
    """Serve each app on its socket until SIGINT or SIGTERM; `tell` is called when all answer."""
    asyncio.run(_run(apps, tell))


class _Server(uvicorn.Server):
    """A server that leaves signals to `_run`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _server(app: FastAPI) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=LAST_REQUESTS,
        )
    )


async def _run(apps: Sequence[tuple[FastAPI, socket.socket]], tell: Callable[[], None]) -> None:
    servers = [_server(app) for app, _ in apps]

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit  # a second signal doesn't wait
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as tasks:
        for server, (_, listener) in zip(servers, apps, strict=True):
            tasks.create_task(server.serve(sockets=[listener]))
        while not all(server.started or server.should_exit for server in servers):
            await asyncio.sleep(0.01)
        if not any(server.should_exit for server in servers):
            tell()
