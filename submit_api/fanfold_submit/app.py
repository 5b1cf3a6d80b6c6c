"""The HTTP application: one function that wires settings, stores, an engine and a clock into FastAPI."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable

from anyio import to_thread
from fastapi import FastAPI

from fanfold.engines import Engine
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records
from fanfold_submit.http import problems
from fanfold_submit.http.uploads import limit
from fanfold_submit.routes import (
    about,
    bundles,
    files,
    health,
    jobs,
    me,
    owners,
    priority,
    quarantine,
    results,
    retry,
    schedules,
    webhooks,
)
from fanfold_submit.routes.watching import events, logs, tasks, workflow
from fanfold_submit.service import Service, wire
from fanfold_submit.settings import Settings
from fanfold_web.http import openapi
from fanfold_web.http.envelope import Envelope
from fanfold_web.http.operations import described, include

_DESCRIPTION = """
MapReduce jobs: store files, submit jobs that read them, follow their progress, fetch their results. Get an access
token from the auth service that `/v1/about` names, and send it as `Authorization: Bearer TOKEN`. Errors are RFC 9457
problems. A path whose first segment is `@shared` is in the shared area; any other path is the caller's own.
"""


def build_app(
    settings: Settings,
    records: Records,
    objects: Objects,
    engine: Engine,
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """The service. Its controller runs as long as the app does; the caller closes the stores and the engine."""
    app = described("Fanfold submit_api", _DESCRIPTION, _lifespan)
    app.state.service = service = wire(settings, records, objects, engine, now)
    app.add_middleware(Envelope, service="submit", metrics=service.metrics, limit=limit, hosts=settings.hosts)
    problems.install(app)
    openapi.install(app)
    # Looked through in this order for every request, so what is asked most often comes first.
    often = (jobs, files, results, events, tasks, logs, bundles, schedules, about, me)
    seldom = (owners, priority, quarantine, retry, webhooks, workflow, health)
    modules = (*often, *seldom)
    include(app, *(module.router for module in modules))
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    for controller in service.controllers:
        controller.start()
    try:
        yield
    finally:
        await to_thread.run_sync(service.changes.close)
        for controller in service.controllers:
            await to_thread.run_sync(controller.stop)
