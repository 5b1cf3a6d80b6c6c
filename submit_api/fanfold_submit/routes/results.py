"""A job's output: its parts, their bytes, and a preview of the first records."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from fanfold_submit.http.access import TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.http.ranges import Content, in_ranges, serve
from fanfold_submit.jobs.outputs.results import BYTES, MEDIA_TYPES, Output, Part, results_of
from fanfold_submit.refusals import (
    NoResults,
    NoSuchJob,
    NoSuchOutput,
    ResultsChanged,
    ResultsRemoved,
)
from fanfold_submit.routes.jobs import JobId
from fanfold_web.refusals import Invalid

router = APIRouter(tags=["results"])
NONE = (NoSuchJob, NoResults, ResultsRemoved, ResultsChanged, Invalid)
"""Why a job has no output to read."""
PREVIEW_BYTES = 1 << 20  # the most that a preview reads

OutputName = Annotated[str | None, Query(alias="output", description="One of the job's named outputs")]


class Results(BaseModel):
    """A whole output."""

    parts: list[Part] = Field(description="In order")
    outputs: dict[str, list[Part]] = Field(default={}, description="The parts of each named output")


class Preview(BaseModel):
    """The first records of an output."""

    records: list[str] = Field(examples=[["the\t6487", "of\t3340"]])
    more: bool = Field(description="Whether there are more")


@router.get("/v1/jobs/{job_id}/results", summary="List a job's results", responses=refusals(*NONE))
async def list_results(job_id: JobId, caller: Viewer, service: TheService) -> Results:
    """The output's parts. There are none before the job has succeeded: an output appears whole."""

    def listed() -> Results:
        results = results_of(service.jobs.visible(job_id, to=caller).job)
        named = {name: output.parts for name, output in results.named.items()}
        return Results(parts=results.main.parts, outputs=named)

    return await service.listings.run(caller.id, listed)


@router.get(
    "/v1/jobs/{job_id}/results/data",
    summary="Read a job's results",
    **in_ranges(
        BYTES, *(media_type.partition(";")[0] for media_type in MEDIA_TYPES.values()), refused=(*NONE, NoSuchOutput)
    ),
)
async def read_results(
    job_id: JobId, request: Request, caller: Viewer, service: TheService, output_name: OutputName = None
) -> Response:
    """All parts in order, as one stream; `Range` asks for a range of it."""

    def begun() -> Response:
        output = results_of(service.jobs.visible(job_id, to=caller).job).output(output_name)
        return serve(request, Content(output.size, output.etag, output.media_type, output.read))

    return await service.listings.run(caller.id, begun)


@router.get(
    "/v1/jobs/{job_id}/results/preview",
    summary="Show the first of a job's results",
    responses=refusals(*NONE, NoSuchOutput),
)
async def preview_results(
    job_id: JobId,
    caller: Viewer,
    service: TheService,
    records: Annotated[int, Query(ge=1, le=1000)] = 20,
    output_name: OutputName = None,
) -> Preview:
    """The first records."""

    def previewed() -> Preview:
        return _preview(results_of(service.jobs.visible(job_id, to=caller).job).output(output_name), records)

    return await service.listings.run(caller.id, previewed)


def _preview(output: Output, records: int) -> Preview:
    data = b""
    for chunk in output.read(0, min(output.size, PREVIEW_BYTES)):
        data += chunk
        if data.count(b"\n") >= records:
            break
    *lines, rest = data.split(b"\n")
    if rest and not lines:
        lines = [rest]  # one record that is longer than a preview
    shown = [line.decode("utf-8", "replace") for line in lines[:records]]
    return Preview(records=shown, more=sum(part.records for part in output.parts) > len(shown))
