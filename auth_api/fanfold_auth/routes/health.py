"""For whoever runs the service: is it alive, can it serve, what has it served?"""

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from fanfold_auth.http.access import TheService
from fanfold_auth.http.fields import body
from fanfold_auth.http.problem_types import PROBLEM_TYPES
from fanfold_auth.refusals import KeyUnreadable
from fanfold_storage.errors import StorageError
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.http.problems import documented
from fanfold_web.log import logger
from fanfold_web.metrics import MEDIA_TYPE
from fanfold_web.readiness import failing
from fanfold_web.refusals import NotReady

log = logger("fanfold_auth")
router = APIRouter(route_class=ThreadedRoute, tags=["health"])


class Status(BaseModel):
    """All is well."""

    model_config = body({"status": "ok"})
    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="Alive")
async def healthz() -> Status:
    """The process answers; the store may still be unavailable."""
    return Status()


@router.get("/readyz", summary="Ready", responses=documented(PROBLEM_TYPES, NotReady))
def readyz(service: TheService) -> Status:
    """The records answer and take writes, and the signing key can be used."""
    checks: dict[str, Callable[[], object]] = {
        "records": lambda: service.users.page(limit=1),
        "the signing key": service.keys.signing,
        "writing to the records": service.record_writes.check,
    }
    if missing := list(failing(checks, (StorageError, KeyUnreadable), log)):
        raise NotReady(f"Not available: {', '.join(missing)}. The reason is in the service's log. Try again shortly.")
    return Status()


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": 'fanfold_auth_requests_total{method="GET"} 1.0\n'}}}},
)
async def metrics(service: TheService) -> PlainTextResponse:
    """Counts and durations of requests in Prometheus's text format. No user is named."""
    return PlainTextResponse(service.metrics.render(), media_type=MEDIA_TYPE)
