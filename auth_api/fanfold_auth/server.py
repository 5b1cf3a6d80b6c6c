"""Opens what the service needs, and serves it until a signal."""

import contextlib

from fanfold_auth.accounts.migration import pending
from fanfold_auth.app import build_app
from fanfold_auth.settings import Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.urls import open_records
from fanfold_web import log, server


def serve(records_url: str, host: str, port: int) -> bool:
    """Serve until a signal. Return whether serving began. Raises BadSetting, CannotServe, StorageError before it."""
    log.to_stderr()
    settings, logger = Settings.from_environment(), log.logger("fanfold_auth")
    with contextlib.closing(open_records(records_url)) as records:
        app = build_app(settings, records)
        with contextlib.suppress(Unavailable):  # the store may come up later; /readyz says when
            app.state.service.keys.check()
            if pending(records):
                logger.warning(
                    "users are stored in an older version than this one: once no replica of an earlier one is left, "
                    "run `python -m fanfold_auth migrate`; until then nobody can be put into a group"
                )
        return server.serve(app, host, port, logger)
