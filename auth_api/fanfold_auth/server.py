"""How the app is served: uvicorn with every limit set that it leaves open by default, and JSON lines on stderr."""

import contextlib
import logging
import socket
import sys

import uvicorn
from fastapi import FastAPI

from fanfold_auth.app import build_app
from fanfold_auth.envelope import JSONLines
from fanfold_auth.errors import CannotServe
from fanfold_auth.settings import Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Records


def configure(app: FastAPI) -> uvicorn.Config:
    """Bounded headers, connections and shutdown; forwarding headers are not believed."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=200,
        h11_max_incomplete_event_size=32 * 1024,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=20,
    )


def serve(settings: Settings, records: Records, host: str, port: int) -> bool:
    """Serve until a signal; whether it ever began. Raises CannotServe and BadSetting before it begins."""
    app = build_app(settings, records)
    with contextlib.suppress(Unavailable):  # the store may come later; /readyz tells
        app.state.service.keys.signing()
    with _listen(host, port) as listener:
        _log_to_stderr()
        address, bound = listener.getsockname()[:2]
        logging.getLogger("fanfold_auth").info("serving", extra={"fields": {"url": f"http://{address}:{bound}"}})
        server = uvicorn.Server(configure(app))
        server.run([listener])
        return server.started


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=512)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else asyncio leaves 40 ms on each answer
        return listener
    except OSError as error:
        raise CannotServe(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --host or --port."
        ) from error


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
