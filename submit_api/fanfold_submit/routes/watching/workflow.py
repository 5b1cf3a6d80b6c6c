"""The Argo Workflow of a job."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from fanfold_submit.http.access import TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.refusals import JobRefused, NoSuchJob, NotAdmitted, NoWorkflow
from fanfold_submit.routes.jobs import JobId
from fanfold_submit.runs.workflows import workflow_of
from fanfold_web.refusals import Invalid

router = APIRouter(tags=["jobs"])
YAML = "application/yaml"


class Manifest(Response):
    """A response in YAML (RFC 9512)."""

    media_type = YAML


@router.get(
    "/v1/jobs/{job_id}/workflow",
    summary="Show a job's Workflow",
    response_class=Manifest,
    responses={
        200: {"description": "The Workflow", "content": {YAML: {"schema": {"type": "string"}}}},
        **refusals(NoSuchJob, NotAdmitted, NoWorkflow, JobRefused, Invalid),
    },
)
async def show_workflow(
    job_id: JobId,
    caller: Viewer,
    service: TheService,
    run: Annotated[int | None, Query(ge=1, description="The run of the job; by default the last one")] = None,
) -> Response:
    """The job's Argo Workflow as it was created, also long after it is gone; of a queued job, as it will be."""

    def shown() -> str:
        job = service.jobs.visible(job_id, to=caller).job
        return workflow_of(job, run, service.objects, service.engine, service.places)

    return Manifest(await service.listings.run(caller.id, shown))
