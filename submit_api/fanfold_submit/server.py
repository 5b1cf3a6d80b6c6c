"""Opens what the service needs, and serves it until a signal."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace

from fanfold.engines import Engine
from fanfold.engines.argo.pods import PodSettings
from fanfold.engines.protocol import EngineError
from fanfold_storage.errors import Unavailable
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.app import build_app
from fanfold_submit.settings import Backends, Settings
from fanfold_submit.stores import lock_for_local_engine
from fanfold_web import log, server
from fanfold_web.command import BadSetting


def serve(host: str, port: int) -> bool:
    """Serve until a signal. Return whether serving began.

    Raises BadSetting, CannotServe, StorageError or EngineError before it.
    """
    log.to_stderr()
    settings, backends = Settings.from_environment(), Backends.from_environment()
    objects = open_objects(backends.store if backends.store.endswith("/") else f"{backends.store}/")
    with (
        contextlib.closing(open_records(backends.records)) as records,
        lock_for_local_engine(objects) if backends.engine == "local" else contextlib.nullcontext(),
        contextlib.closing(open_engine(backends, settings.s3_places)) as engine,
    ):
        app = build_app(settings, records, objects, engine)
        with contextlib.suppress(Unavailable):  # the stores may come up later; /readyz says when
            app.state.service.pairing.check()
        return server.serve(app, host, port, log.logger("fanfold_submit"))


def open_engine(backends: Backends, s3_places: Sequence[str]) -> Engine:
    """The engine that FANFOLD_SUBMIT_ENGINE names. Raises BadSetting, EngineError, StorageError."""
    in_s3 = [place for place in (backends.store, *s3_places) if place.startswith("s3:")]
    if backends.engine == "local":
        from fanfold.engines.local.engine import SERVICES_UMASK, LocalEngine
        from fanfold.engines.local.environ import of_users_jobs

        return LocalEngine(of_users_jobs(os.environ, in_s3=bool(in_s3)), SERVICES_UMASK, adopts=True)
    pods = PodSettings(
        namespace=_required(backends, "namespace"),
        image=_required(backends, "steps_image"),
        claim=backends.claim,
        s3_secret=backends.s3_secret,
        s3_endpoint=os.environ.get("AWS_ENDPOINT_URL") or None,
        s3_region=os.environ.get("AWS_REGION") or None,
    )
    from fanfold.engines.argo.engine import ArgoEngine  # Hera and the Kubernetes client take a second to load

    return ArgoEngine(pods if backends.s3_secret or not in_s3 else _with_credentials_per_job(pods, in_s3[0]))


def _with_credentials_per_job(pods: PodSettings, place: str) -> PodSettings:
    """The settings with S3 credentials for each job, and a deadline by which Workflows end before these expire."""
    from fanfold.engines.argo.credentials import DEADLINE_MARGIN, longest_lifetime

    try:
        life = longest_lifetime(place if place.endswith("/") else f"{place}/")
    except EngineError as error:
        raise EngineError(
            f"{error}. If everyone who submits may read and change everything in the bucket, set "
            "FANFOLD_SUBMIT_S3_SECRET to the name of a Secret with credentials for all jobs"
        ) from error
    return replace(pods, has_s3_per_job=True, deadline=min(pods.deadline, life - DEADLINE_MARGIN))


def _required(backends: Backends, name: str) -> str:
    value: str | None = getattr(backends, name)
    if value is None:
        description = Backends.model_fields[name].description
        raise BadSetting(f"FANFOLD_SUBMIT_{name.upper()} is not set: give it {description}")
    return value
