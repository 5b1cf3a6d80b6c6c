"""What schedules need of the store: their code, and the inputs that were uploaded for them. It isn't cleared."""

from collections.abc import Iterator

from fanfold_steps.job.spec import urls_of
from fanfold_submit.jobs.places import SCHEME, Places
from fanfold_submit.jobs.request import JobRequest
from fanfold_submit.jobs.specs import job_spec
from fanfold_submit.principal import Principal
from fanfold_submit.schedules.schedule_records import ScheduleRecords
from fanfold_web.refusals import Refusal


def named_by_schedules(records: ScheduleRecords, places: Places) -> Iterator[str]:
    """The URLs of code, packages and inputs of all schedules. Raises StorageError."""
    for owner_id, request in records.submissions():
        owner = Principal(owner_id, owner_id, ())
        for place in urls_of(request.inputs):
            if place.startswith(SCHEME):
                yield from _url(places, place, owner)
        yield from _code(request, places)


def _url(places: Places, place: str, owner: Principal) -> Iterator[str]:
    try:
        yield places.url(place, owner)
    except Refusal:  # it names nothing, which its history will tell
        return


def _code(request: JobRequest, places: Places) -> Iterator[str]:
    try:
        spec = job_spec(request)
    except Refusal:
        return
    if spec.bundle is not None:
        yield places.bundle_url(spec.bundle)
    for wheel in spec.dependencies.wheels if spec.dependencies else ():
        yield places.bundle_url(wheel.sha256)
