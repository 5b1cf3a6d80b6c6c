"""What the service tells of itself, and of the caller."""

import ipaddress
import re
from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from fanfold_storage.errors import NotFound, StorageError
from fanfold_submit.access import Viewer
from fanfold_submit.kinds import AUTH_AWAY, NOT_READY, RECONCILER_DEAD
from fanfold_submit.problems import Problem
from fanfold_submit.service import Service, Wired
from fanfold_web.kinds import FORBIDDEN, UNAUTHENTICATED
from fanfold_web.metrics import MEDIA_TYPE
from fanfold_web.problems import refusals

router = APIRouter()
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class About(BaseModel):
    """The service, for anybody."""

    version: str = Field(examples=["0.1.0"])
    engine: str = Field(examples=["argo"])
    auth_url: str = Field(description="Where to log in", examples=["https://auth.example.org"])
    argo_ui: str | None = Field(description="Where to look at Workflows")


class Me(BaseModel):
    """The caller, as the token has it."""

    name: str = Field(examples=["ada"])
    roles: list[str] = Field(examples=[["submitter"]])


@router.get("/v1/about", tags=["about"])
def about(request: Request, service: Wired) -> About:
    """What runs here and where to log in. Needs no token."""
    settings = service.settings
    return About(
        version=version("fanfold"),
        engine=service.engine.name,
        auth_url=_public(settings.auth_url, request),
        argo_ui=_public(settings.argo_ui, request) if settings.argo_ui else None,
    )


@router.get("/v1/me", tags=["about"], responses=refusals(UNAUTHENTICATED, FORBIDDEN, AUTH_AWAY))
def me(caller: Viewer) -> Me:
    """Whom the token stands for."""
    return Me(name=caller.name, roles=list(caller.roles))


@router.get("/healthz", include_in_schema=False)
async def healthz(service: Wired) -> JSONResponse:
    """Whether the process is alive: its event loop and its reconciler."""
    if not service.reconciler.alive:
        raise Problem(RECONCILER_DEAD, RECONCILER_DEAD.example)
    return JSONResponse({"status": "ok"})


@router.get("/readyz", include_in_schema=False)
def readyz(service: Wired) -> JSONResponse:
    """Whether requests can be served: records, objects and the auth service's keys are at hand."""
    missing = _missing(service)
    if missing:
        raise Problem(
            NOT_READY, f"Not at hand: {', '.join(missing)}. Ask again in a moment.", headers={"Retry-After": "2"}
        )
    return JSONResponse({"status": "ready"})


@router.get("/metrics", include_in_schema=False)
def metrics(service: Wired) -> Response:
    """Counts and durations of requests, for Prometheus."""
    return Response(service.metrics.render(), media_type=MEDIA_TYPE)


def _missing(service: Service) -> list[str]:
    missing = []
    try:
        service.jobs.find("0" * 20)
    except StorageError:
        missing.append("records")
    try:
        service.objects.stat("bundles/none")
    except NotFound:
        pass
    except StorageError:
        missing.append("objects")
    if not service.access.keys.ready:
        missing.append("the auth service's keys")
    return missing


def _public(url: str, request: Request) -> str:
    """A URL that works for whoever asks: `{host}` is the name by which they reached us, if it is a name at all."""
    host = request.url.hostname or ""
    if not _HOST.fullmatch(host):
        try:
            host = f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            host = "localhost"
    return url.replace("{host}", host)
