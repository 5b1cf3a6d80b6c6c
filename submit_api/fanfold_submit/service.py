"""What every endpoint stands on, wired once in `app.build_app`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from fanfold.engines import Engine
from fanfold_storage.objects import Objects
from fanfold_submit.access import Access
from fanfold_submit.places import Places
from fanfold_submit.reconciler import Reconciler
from fanfold_submit.register import Register
from fanfold_submit.settings import Settings
from fanfold_web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Service:
    """The service's parts."""

    settings: Settings
    objects: Objects
    engine: Engine
    access: Access
    jobs: Register
    places: Places
    reconciler: Reconciler
    metrics: Metrics
    uploads: CapacityLimiter
    now: Callable[[], float]


def _of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Wired = Annotated[Service, Depends(_of)]
