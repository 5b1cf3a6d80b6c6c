"""Serving the app: a socket first, so that a port that is taken is told; the log as JSON lines on stderr."""

import contextlib
import logging

from fanfold_auth.app import build_app
from fanfold_auth.errors import CannotServe
from fanfold_auth.settings import Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Records
from fanfold_web import log, server


def serve(settings: Settings, records: Records, host: str, port: int) -> bool:
    """Serve until a signal; whether it ever began. Raises CannotServe and BadSetting before it begins."""
    app = build_app(settings, records)
    with contextlib.suppress(Unavailable):  # the store may come later; /readyz tells
        app.state.service.keys.signing()
    try:
        listener = server.listen(host, port)
    except OSError as error:
        raise CannotServe(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --host or --port."
        ) from error
    with listener:
        log.to_stderr()
        return server.serve(app, listener, logging.getLogger("fanfold_auth"))
