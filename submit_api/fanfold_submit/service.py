"""The parts of the service, wired together once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fanfold.engines import Engine
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records, Write
from fanfold_storage.urls import without_links
from fanfold_submit.events.changes import Changes
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_submit.reconciling.clearing import Clearing
from fanfold_submit.reconciling.controller import Controller
from fanfold_submit.reconciling.listing import Listing
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.runs.retry import Retrying
from fanfold_submit.settings import Settings
from fanfold_submit.slots import Seats, Slots
from fanfold_submit.stores import Pairing
from fanfold_submit.tokens.tokens import Tokens
from fanfold_web.metrics import Metrics
from fanfold_web.readiness import WriteProbe

UPLOADS, UPLOADS_EACH = 32, 8
BUNDLES, BUNDLES_EACH = 4, 2  # each waits on the service's own disk until it has been checked
ADMISSIONS, ADMISSIONS_EACH = 8, 4  # each lists its inputs
LISTINGS, LISTINGS_EACH = 8, 4  # of files, and of results, which may be read to check them
FOLLOWERS, FOLLOWERS_EACH = 300, 20  # streams of events, each with a connection of its own


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
    retrying: Retrying
    changes: Changes
    controller: Controller
    pairing: Pairing
    record_writes: WriteProbe
    object_writes: WriteProbe
    metrics: Metrics = field(default_factory=lambda: Metrics("submit"))
    uploads: Slots = field(default_factory=lambda: Slots(UPLOADS, UPLOADS_EACH))
    bundles: Slots = field(default_factory=lambda: Slots(BUNDLES, BUNDLES_EACH))
    admissions: Slots = field(default_factory=lambda: Slots(ADMISSIONS, ADMISSIONS_EACH))
    listings: Slots = field(default_factory=lambda: Slots(LISTINGS, LISTINGS_EACH))
    followers: Seats = field(default_factory=lambda: Seats(FOLLOWERS, FOLLOWERS_EACH))


def wire(
    settings: Settings, records: Records, objects: Objects, engine: Engine, now: Callable[[], float] = time.time
) -> Service:
    """Build the parts over the stores and an engine."""
    objects = without_links(objects)
    jobs, places = JobRecords(records), Places(objects.url, settings.s3_places)
    admission = Admission(jobs, places, objects, Allowed.by(settings, engine.name), now)
    return Service(
        settings=settings,
        objects=objects,
        engine=engine,
        tokens=Tokens(settings, now),
        jobs=jobs,
        places=places,
        admission=admission,
        retrying=Retrying(jobs, places, admission, now),
        changes=Changes(jobs),
        controller=Controller(
            Reconciler(jobs, engine, places, now),
            jobs,
            engine,
            settings.reconcile_seconds,
            Clearing(jobs, objects, settings.keep_days, now) if settings.keep_days else None,
            Listing(jobs, objects, places, now),
        ),
        pairing=Pairing(records, objects),
        record_writes=WriteProbe(lambda: records.transact([], [Write("submit/written", {"at": now()})])),
        object_writes=WriteProbe(lambda: objects.put("written", [str(now()).encode()], hint=True)),
    )
