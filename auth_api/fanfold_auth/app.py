"""The HTTP application: one function that wires settings, records and a clock into FastAPI."""

import functools
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fanfold_auth import problems
from fanfold_auth.envelope import Envelope
from fanfold_auth.routes import health, keys, sessions, users
from fanfold_auth.service import wire
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records

_DESCRIPTION = """
Users, tokens and keys of Fanfold. Log in at `/v1/login`, send the access token as `Authorization: Bearer TOKEN`,
and get the next one at `/v1/token`. Services verify tokens offline with the keys at `/v1/keys`. Errors are RFC 9457
problems.
"""


def build_app(settings: Settings, records: Records, now: Callable[[], float] = time.time) -> FastAPI:
    """The service over a store of records. Raises BadSetting when the KEK file cannot be read."""
    # No /docs: Swagger's page runs scripts from elsewhere on the origin that hands out tokens.
    app = FastAPI(
        title="Fanfold auth_api", version=version("fanfold"), docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.service = service = wire(settings, records, now)
    app.add_middleware(Envelope, metrics=service.metrics)
    problems.install(app)
    for room in (sessions, users, keys, health):
        app.include_router(room.router)
    app.openapi = functools.cache(lambda: _openapi(app))  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    schemas = document["components"]["schemas"]
    problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    return document
