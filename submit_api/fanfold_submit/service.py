"""The parts of the service, wired together once."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter

from fanfold.engines import Engine
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records, Write
from fanfold_storage.urls import without_links
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_submit.reconciling.clearing import Clearing
from fanfold_submit.reconciling.controller import Controller
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.settings import Settings
from fanfold_submit.stores import Pairing
from fanfold_submit.tokens.tokens import Tokens
from fanfold_web.metrics import Metrics
from fanfold_web.readiness import WriteProbe

UPLOADS = 32  # at the same time; further ones wait
ADMISSIONS = 4  # at the same time: each lists its inputs, which may take long, and must not take all threads
ADMISSIONS_EACH = 2  # of one user, so that nobody's requests make all others wait


class Turns:
    """Lets so many of a user's requests through at a time; their further ones wait for each other."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._limiters: dict[str, CapacityLimiter] = {}

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """One of the user's turns, once there is one."""
        limiter = self._limiters.setdefault(user_id, CapacityLimiter(self._each))
        try:
            async with limiter:
                yield
        finally:
            figures = limiter.statistics()
            if not figures.borrowed_tokens and not figures.tasks_waiting:
                self._limiters.pop(user_id, None)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the routes need."""

    settings: Settings
    objects: Objects
    engine: Engine
    tokens: Tokens
    jobs: JobRecords
    places: Places
    admission: Admission
    controller: Controller
    pairing: Pairing
    record_writes: WriteProbe
    object_writes: WriteProbe
    metrics: Metrics = field(default_factory=lambda: Metrics("submit"))
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(UPLOADS))
    admissions: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(ADMISSIONS))
    turns: Turns = field(default_factory=lambda: Turns(ADMISSIONS_EACH))


def wire(
    settings: Settings, records: Records, objects: Objects, engine: Engine, now: Callable[[], float] = time.time
) -> Service:
    """Build the parts over the stores and an engine."""
    objects = without_links(objects)
    jobs, places = JobRecords(records), Places(objects.url, settings.s3_places)
    return Service(
        settings=settings,
        objects=objects,
        engine=engine,
        tokens=Tokens(settings, now),
        jobs=jobs,
        places=places,
        admission=Admission(jobs, places, objects, engine.name, now),
        controller=Controller(
            Reconciler(jobs, engine, places, now),
            jobs,
            engine,
            settings.reconcile_seconds,
            Clearing(jobs, objects, settings.keep_days, now) if settings.keep_days else None,
        ),
        pairing=Pairing(records, objects),
        record_writes=WriteProbe(lambda: records.transact([], [Write("submit/written", {"at": now()})])),
        object_writes=WriteProbe(lambda: objects.put("written", [str(now()).encode()], hint=True)),
    )
