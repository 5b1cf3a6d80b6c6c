"""The HTTP application: one function that wires settings, records and a clock into FastAPI."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import FastAPI

from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.http import problems
from fanfold_auth.http.issuer_path import IssuerPath
from fanfold_auth.routes import (
    api_tokens,
    delegations,
    groups,
    health,
    keys,
    login,
    me,
    openid,
    sessions,
    tokens,
    users,
)
from fanfold_auth.service import wire
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records
from fanfold_web.http import openapi
from fanfold_web.http.envelope import Envelope
from fanfold_web.http.operations import described, include

LARGEST_BODY = 64 * 1024  # bytes
FROM_ANYWHERE = ("/authorize", "/logout")  # where applications send their users, also by forms of their own pages

_DESCRIPTION = """
Users, tokens and keys of Fanfold. Log in at `/v1/login`, send the access token as `Authorization: Bearer TOKEN`,
and get the next one at `/v1/token`. Services verify tokens offline with the keys at `/v1/keys`. Errors are RFC 9457
problems.

Other applications log people in through the OpenID provider here, whose metadata is at
`/.well-known/openid-configuration`. Its pages (`/authorize`, `/login`, `/confirm`, `/logout`, `/device`) are for
browsers, and not described here.
"""


def build_app(
    settings: Settings, records: Records, now: Callable[[], float] = time.time, hashing: Hashing | None = None
) -> FastAPI:
    """The service over a store of records. Raises BadSetting if the KEK file cannot be read."""
    app = described("Fanfold auth_api", _DESCRIPTION)
    app.state.service = service = wire(settings, records, now, hashing)
    app.add_middleware(IssuerPath, path=urlsplit(settings.issuer).path.rstrip("/"))
    app.add_middleware(
        Envelope, service="auth", metrics=service.metrics, limit=lambda _: LARGEST_BODY, hosts=settings.hosts,
        from_anywhere=FROM_ANYWHERE,
    )  # fmt: skip
    problems.install(app)
    openapi.install(app)
    modules = (login, tokens, me, sessions, users, groups, api_tokens, delegations, keys, health)
    include(app, *(module.router for module in modules), *openid.ROUTERS)
    return app
