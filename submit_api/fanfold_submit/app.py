"""The HTTP application: one function that wires settings, stores, an engine and a clock into FastAPI."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from fanfold.engines import Engine
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records
from fanfold_submit import about, admission, bundles, catalogue, files, problems, results
from fanfold_submit.access import Access
from fanfold_submit.places import Places
from fanfold_submit.reconciler import Reconciler
from fanfold_submit.register import Register
from fanfold_submit.service import Service
from fanfold_submit.settings import Settings
from fanfold_submit.uploads import limit
from fanfold_web.envelope import Envelope
from fanfold_web.metrics import Metrics

UPLOADS = 32  # at once; more wait for their turn

_DESCRIPTION = """
MapReduce jobs: store files, submit jobs that read them, see how far they are, fetch their results. Get an access
token from the auth service that `/v1/about` names, and send it as `Authorization: Bearer TOKEN`. Errors are RFC 9457
problems. A path's first segment `@shared` is the shared area; without it a path is the caller's own.
"""


def build_app(
    settings: Settings,
    records: Records,
    objects: Objects,
    engine: Engine,
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """The service. Its reconciler runs as long as the app does; stores and engine are the caller's to close."""
    # No /docs: Swagger's page runs scripts from elsewhere on the origin that serves the data.
    app = FastAPI(
        title="Fanfold submit_api",
        version=version("fanfold"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    jobs, places = Register(records), Places(objects.url, settings.s3_places)
    app.state.service = service = Service(
        settings=settings,
        objects=objects,
        engine=engine,
        access=Access(settings),
        jobs=jobs,
        places=places,
        reconciler=Reconciler(jobs, engine, places, now, settings.reconcile_seconds),
        metrics=Metrics("submit"),
        uploads=CapacityLimiter(UPLOADS),
        now=now,
    )
    app.add_middleware(Envelope, service="submit", metrics=service.metrics, limit=limit)
    problems.install(app)
    for room in (about, files, bundles, admission, catalogue, results):
        app.include_router(room.router)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    reconciler: Reconciler = app.state.service.reconciler
    reconciler.start()
    try:
        yield
    finally:
        await to_thread.run_sync(reconciler.stop)
