"""What a job has quarantined: bad records with what was wrong, and as they were."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from fanfold_submit.http.access import TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.http.ranges import Content, in_ranges, serve
from fanfold_submit.jobs.outputs.quarantine import BadRecords, kept_records, quarantine_of
from fanfold_submit.jobs.outputs.results import BYTES
from fanfold_submit.refusals import NothingQuarantined
from fanfold_submit.routes.jobs import JobId
from fanfold_submit.routes.results import NONE
from fanfold_web.refusals import InvalidCursor

router = APIRouter(tags=["results"])


@router.get(
    "/v1/jobs/{job_id}/quarantine",
    summary="List a job's bad records",
    responses=refusals(*NONE, InvalidCursor),
)
async def list_quarantine(
    job_id: JobId,
    caller: Viewer,
    service: TheService,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str = "",
) -> BadRecords:
    """The records that the job has skipped, each with its position and what was wrong; so far, if it is running."""

    def listed() -> BadRecords:
        job = service.jobs.visible(job_id, to=caller).job
        return quarantine_of(job).page(cursor, limit, partial(service.places.redact, owner_id=job.owner_id))

    return await service.listings.run(caller.id, listed)


@router.get(
    "/v1/jobs/{job_id}/quarantine/records",
    summary="Read a job's bad records as they were",
    **in_ranges(BYTES, refused=(*NONE, NothingQuarantined)),
)
async def read_quarantine(
    job_id: JobId,
    request: Request,
    caller: Viewer,
    service: TheService,
    input_name: Annotated[str | None, Query(alias="input", description="One of the job's named inputs")] = None,
) -> Response:
    """The bad records in one file, which a job of the same input format reads again; `Range` asks for a part of it."""

    def begun() -> Response:
        records = kept_records(service.jobs.visible(job_id, to=caller).job, input_name)
        return serve(request, Content(records.size, records.etag, BYTES, records.read))

    return await service.listings.run(caller.id, begun)
