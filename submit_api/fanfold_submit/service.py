"""The parts of the service, wired together once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fanfold.engines import Engine
from fanfold_storage.objects import Objects
from fanfold_storage.records import Records, Write
from fanfold_storage.urls import without_links
from fanfold_submit.controllers.controller import Chore, Controller
from fanfold_submit.controllers.record_controller import RecordController
from fanfold_submit.events.changes import Changes
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.allowed import Allowed
from fanfold_submit.jobs.job import Job, JobView, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_submit.jobs.shared import SharedFolders
from fanfold_submit.lists.migration import Migration
from fanfold_submit.lists.pages import JobLists
from fanfold_submit.queueing.parts import Queueing, limits_of
from fanfold_submit.queueing.view import QueueView
from fanfold_submit.reconciling.clearing import Clearing, Kept
from fanfold_submit.reconciling.deliveries import Deliveries
from fanfold_submit.reconciling.job_controller import JobController
from fanfold_submit.reconciling.listing import Listing
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.runs.reach import Reach
from fanfold_submit.runs.retry import Retrying
from fanfold_submit.schedules.firing import Firing
from fanfold_submit.schedules.schedule_records import SCHEDULES, ScheduleRecords
from fanfold_submit.schedules.schedules import Limits, Schedules
from fanfold_submit.schedules.uploads import named_by_schedules
from fanfold_submit.settings import HOST, Settings
from fanfold_submit.slots import Seats, Slots
from fanfold_submit.stores import Pairing
from fanfold_submit.storing.gauges import StoredGauges
from fanfold_submit.storing.recount import Recount
from fanfold_submit.storing.stored import StoredBytes, byte_limits_of
from fanfold_submit.tokens.delegations import Delegations
from fanfold_submit.tokens.standing import StandingDelegations
from fanfold_submit.tokens.tokens import Tokens
from fanfold_submit.watching.tasks import Tasks
from fanfold_submit.webhooks.outbox import MESSAGES
from fanfold_submit.webhooks.secrets import Secrets
from fanfold_submit.webhooks.targets import Targets
from fanfold_web.metrics import Metrics
from fanfold_web.readiness import WriteProbe

CLEAR_SECONDS = 3600.0  # between looks for what has become old
UPLOADS, UPLOADS_EACH = 32, 8
BUNDLES, BUNDLES_EACH = 4, 2  # each waits on the service's own disk until it has been checked
ADMISSIONS, ADMISSIONS_EACH = 8, 4  # each lists its inputs
LISTINGS, LISTINGS_EACH = 8, 4  # of files, of jobs, and of results, which may be read to check them
STREAMS, STREAMS_EACH = 64, 8  # logs that are followed
READINGS, READINGS_EACH = 32, 8  # logs that are read to their end; each may hold a few MiB
FOLLOWERS, FOLLOWERS_EACH = 300, 20  # streams of events, each with a connection of its own


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the routes need."""

    settings: Settings
    objects: Objects
    engine: Engine
    tokens: Tokens
    jobs: JobRecords
    lists: JobLists
    places: Places
    shared: SharedFolders
    queueing: Queueing
    stored: StoredBytes
    admission: Admission
    standing: StandingDelegations
    retrying: Retrying
    changes: Changes
    controller: JobController
    schedules: Schedules
    timekeeper: RecordController
    secrets: Secrets
    postman: RecordController
    pairing: Pairing
    tasks: Tasks
    record_writes: WriteProbe
    object_writes: WriteProbe
    metrics: Metrics
    uploads: Slots = field(default_factory=lambda: Slots(UPLOADS, UPLOADS_EACH))
    bundles: Slots = field(default_factory=lambda: Slots(BUNDLES, BUNDLES_EACH))
    admissions: Slots = field(default_factory=lambda: Slots(ADMISSIONS, ADMISSIONS_EACH))
    listings: Slots = field(default_factory=lambda: Slots(LISTINGS, LISTINGS_EACH))
    streams: Seats = field(default_factory=lambda: Seats(STREAMS, STREAMS_EACH))
    readings: Seats = field(default_factory=lambda: Seats(READINGS, READINGS_EACH, "log", "being read"))
    followers: Seats = field(default_factory=lambda: Seats(FOLLOWERS, FOLLOWERS_EACH))

    def view(self, job: Job) -> JobView:
        """What callers see of a job, with why it waits and at which place."""
        return view_of(job, self.queueing.view, self.settings.argo_ui)

    @property
    def controllers(self) -> Sequence[Controller]:
        """What works by itself, as long as the service is served."""
        return self.controller, self.timekeeper, self.postman


def view_of(job: Job, queue: QueueView, argo_ui: str | None) -> JobView:
    """What callers see of a job, with why it waits and at which place, and where the Argo UI shows its Workflow.

    That URL is left out if it isn't the same for all callers, since events are written once for all of them.
    """
    view = job.view()
    if wait := queue.of(job.id) if job.state is State.QUEUED else None:
        view = view.model_copy(update={"waiting": wait})
    if view.workflow and job.engine == "argo" and argo_ui and HOST not in argo_ui:
        view = view.model_copy(update={"workflow": view.workflow.seen_at(argo_ui)})
    return view


def wire(
    settings: Settings, records: Records, objects: Objects, engine: Engine, now: Callable[[], float] = time.time
) -> Service:
    """Build the parts over the stores and an engine."""
    objects = without_links(objects)
    shared = SharedFolders(records, objects)
    jobs, places = JobRecords(records), Places(objects.url, settings.s3_places, shared.claim)
    metrics = Metrics("submit")
    limits = limits_of(settings, engine.name)
    queueing = Queueing.over(records, limits, now, settings.reconcile_seconds, metrics.registry)
    stored = StoredBytes(records, byte_limits_of(settings))
    metrics.registry.register(StoredGauges(stored))
    tokens = Tokens(settings, now)
    admission = Admission(jobs, places, objects, Allowed.by(settings, engine.name), queueing, stored)
    scheduled, delegations = ScheduleRecords(records), Delegations(settings, tokens.keys, now)
    kept = Kept.for_days(settings.keep_days, settings.unused_days)
    standing = StandingDelegations(records, delegations)
    reach = Reach(standing, shared)
    reconciler = Reconciler(jobs, engine, places, reach, queueing, stored)
    clearing = Clearing(records, jobs, objects, kept, now, lambda: named_by_schedules(scheduled, places))
    listing, migration = Listing(jobs, objects, places, now), Migration(records, jobs)
    recount = Recount(records, objects, stored, now)
    chores = [
        Chore("listing jobs that Workflows have started", settings.reconcile_seconds, lambda _: listing.list_new()),
        Chore("bringing jobs into their lists", settings.reconcile_seconds, lambda s: migration.run(s.is_set)),
        Chore("counting what is stored", settings.reconcile_seconds, lambda _: recount.count_stale()),
        Chore("clearing what is old", CLEAR_SECONDS, lambda _: clearing.clear()),
        Chore("forgetting code that is gone", CLEAR_SECONDS, lambda _: recount.forget_bundles()),
    ]
    controller = JobController(reconciler, jobs, engine, settings.reconcile_seconds, queueing, chores)
    firing = Firing(scheduled, jobs, admission, delegations, queueing.meters, now)
    secrets = Secrets(records, now)
    deliveries = Deliveries(records, jobs, Targets(settings.webhooks), secrets, queueing.meters, now)
    schedule_limits = Limits(settings.schedules_each, settings.shortest_interval)
    return Service(
        settings=settings,
        objects=objects,
        engine=engine,
        tokens=tokens,
        jobs=jobs,
        lists=JobLists(records),
        places=places,
        shared=shared,
        queueing=queueing,
        stored=stored,
        admission=admission,
        standing=standing,
        retrying=Retrying(jobs, places, admission, reach, queueing.waiting, now),
        changes=Changes(jobs, lambda job: view_of(job, queueing.view, settings.argo_ui)),
        controller=controller,
        schedules=Schedules(scheduled, admission, delegations, standing, firing, schedule_limits, now),
        timekeeper=RecordController(records, SCHEDULES, firing.fire),
        secrets=secrets,
        postman=RecordController(records, MESSAGES, deliveries.deliver),
        pairing=Pairing(records, objects),
        tasks=Tasks(reconciler.trees, now),
        record_writes=WriteProbe(lambda: records.transact([], [Write("submit/written", {"at": now()})])),
        object_writes=WriteProbe(lambda: objects.put("written", [str(now()).encode()], hint=True)),
        metrics=metrics,
    )
