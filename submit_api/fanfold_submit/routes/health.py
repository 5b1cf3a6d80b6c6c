"""For whoever runs the service: is it alive, can it serve, what has it served?"""

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from fanfold_storage.errors import StorageError
from fanfold_submit.http.access import TheService
from fanfold_submit.http.problem_types import PROBLEM_TYPES
from fanfold_submit.refusals import ReconcilerDead
from fanfold_submit.service import Service
from fanfold_web.command import CannotServe
from fanfold_web.http.problems import documented
from fanfold_web.log import logger
from fanfold_web.metrics import MEDIA_TYPE
from fanfold_web.readiness import failing
from fanfold_web.refusals import NotReady

log = logger("fanfold_submit")
router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Everything that requests need is available."""

    status: Literal["ready"] = "ready"


@router.get("/healthz", summary="Alive", responses=documented(PROBLEM_TYPES, ReconcilerDead))
async def healthz(service: TheService) -> Alive:
    """The event loop answers and the reconciler runs; the stores may still be unavailable."""
    if not all(controller.alive for controller in service.controllers):
        raise ReconcilerDead
    return Alive()


@router.get("/readyz", summary="Ready", responses=documented(PROBLEM_TYPES, NotReady))
def readyz(service: TheService) -> Ready:
    """The records and objects answer and take writes, they belong together, and tokens can be verified."""
    if missing := _missing(service):
        raise NotReady(f"Not available: {', '.join(missing)}. The reason is in the service's log. Try again shortly.")
    return Ready()


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": 'fanfold_submit_requests_total{method="GET"} 1.0\n'}}}},
)
async def metrics(service: TheService) -> PlainTextResponse:
    """Counts and durations of requests in Prometheus's text format. No user is named."""
    return PlainTextResponse(service.metrics.render(), media_type=MEDIA_TYPE)


def _missing(service: Service) -> list[str]:
    checks: dict[str, Callable[[], object]] = {
        "records": lambda: service.jobs.find("0" * 20),
        "objects": lambda: next(service.objects.list("bundles/none"), None),
        "writing to the records": service.record_writes.check,
        "writing to the objects": service.object_writes.check,
        "records that belong to the objects": service.pairing.check,
    }
    missing = list(failing(checks, (StorageError, CannotServe), log))
    if not service.tokens.keys.ready:
        missing.append("the auth service's keys")
    return missing
