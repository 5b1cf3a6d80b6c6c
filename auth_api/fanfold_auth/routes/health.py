"""For whoever runs the service: is it alive, can it serve, what has it served."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from fanfold_auth.access import TheService
from fanfold_auth.bodies import Status
from fanfold_auth.problems import refusals
from fanfold_web.metrics import MEDIA_TYPE

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive")
async def healthz() -> Status:
    """The process answers; the store may still be away."""
    return Status()


@router.get("/readyz", summary="Ready", responses=refusals())
def readyz(service: TheService) -> Status:
    """The store answers and the signing key can be used."""
    service.users.page(limit=1)
    service.keys.signing()
    return Status()


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": 'fanfold_auth_requests_total{method="GET"} 1\n'}}}},
)
async def metrics(service: TheService) -> PlainTextResponse:
    """Prometheus text; names no user."""
    return PlainTextResponse(service.metrics.render(), media_type=MEDIA_TYPE)
