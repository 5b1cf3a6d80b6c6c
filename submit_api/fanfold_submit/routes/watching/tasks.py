"""Tasks: what each of them did, and in sentences what bounds their job."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from fanfold.diagnosis.explain import explain
from fanfold.diagnosis.skew import skews_of
from fanfold.diagnosis.tasks import InvalidCursor as ForeignCursor
from fanfold.diagnosis.tasks import Query as TaskQuery
from fanfold.diagnosis.tasks import State
from fanfold_submit.http.access import TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_submit.refusals import NoSuchJob
from fanfold_submit.routes.jobs import JobId
from fanfold_web.refusals import Invalid, InvalidCursor

router = APIRouter(tags=["watching"])


class TaskView(BaseModel):
    """A task. Sizes are bytes; what it hasn't done yet is null or 0."""

    stage: int = Field(json_schema_extra={"minimum": 0})
    step: str = Field(examples=["map"])
    index: int = Field(json_schema_extra={"minimum": 0})
    state: State
    worker: str = Field(examples=["map-3"])
    host: str = Field(examples=["fanfold-000m3k2v8q1x7f9a2b4c-map-1234"], description="The machine, or the pod")
    attempts: int = Field(description="How many were begun, with those of workers that died and backup tasks")
    records: int = Field(description="A map task's input records; another task's output records")
    bytes_in: int
    bytes_out: int
    started: float | None = Field(description="Unix seconds, by the clock of its machine")
    seconds: float | None = Field(description="How long it took or, while it runs, has been running")
    cpu_seconds: float | None = Field(description="How long it computed")
    spills: int = Field(description="How often it wrote to disk what didn't fit into memory")
    spilled: int
    skipped: int = Field(description="Bad records or keys that it quarantined")
    status: str = Field(description="What its code says it is doing, with ctx.progress")


class FindingView(BaseModel):
    """Something that bounds the job."""

    code: str = Field(examples=["heavy-key"])
    message: str = Field(description="What is so, by which figures")
    change: str = Field(description="What to change; empty if nothing helps")


class Spread(BaseModel):
    """The typical value of a step's tasks (the median), the largest one, and the task that has it."""

    typical: float
    largest: float
    index: int


class HeavyKey(BaseModel):
    """A key with at least so many values, and the partition that it is in."""

    key: str = Field(examples=["'the'"])
    partition: int
    values: int


class StepSkew(BaseModel):
    """How unequal the committed tasks of a step are."""

    stage: int
    step: str = Field(examples=["reduce"])
    tasks: int
    committed: int
    seconds: Spread
    bytes_in: Spread = Field(description="In a reduce step, the sizes of the partitions")
    records: Spread
    keys: list[HeavyKey] = Field(description="The heaviest, where values reach a reducer one by one")
    values: int = Field(description="The values of all keys, if those of the heaviest are known")


class Explanation(BaseModel):
    """What bounds a job, the weightiest first, and how unequal its tasks are."""

    findings: list[FindingView]
    skew: list[StepSkew] = Field(description="By step, of those that have committed tasks")


class TaskPage(BaseModel):
    """Tasks of a job."""

    items: list[TaskView]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")
    left_out: int = Field(default=0, description="Committed tasks of which nothing more is told: there are too many")


@router.get(
    "/v1/jobs/{job_id}/tasks", summary="List a job's tasks", responses=refusals(NoSuchJob, InvalidCursor, Invalid)
)
async def list_tasks(
    job_id: JobId,
    caller: Viewer,
    service: TheService,
    stage: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    step: Annotated[Literal["map", "shuffle", "reduce"] | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    sort: Annotated[
        Literal["seconds", "records", "bytes", "index"], Query(description="The largest first; or by index")
    ] = "seconds",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> TaskPage:
    """The tasks of a job, the slowest first."""

    def listed() -> TaskPage:
        tasks = service.tasks.of(service.jobs.visible(job_id, to=caller).job)
        try:
            page = TaskQuery(stage, step, state, sort, limit, cursor).page(tasks)
        except ForeignCursor:
            raise InvalidCursor from None
        items = [TaskView(**asdict(task)) for task in page.items]
        return TaskPage(items=items, cursor=page.cursor, left_out=tasks.table.left_out)

    return await service.listings.run(caller.id, listed)


@router.get("/v1/jobs/{job_id}/explain", summary="Explain what bounds a job", responses=refusals(NoSuchJob, Invalid))
async def explain_job(job_id: JobId, caller: Viewer, service: TheService) -> Explanation:
    """What bounds a job, in sentences, and what to change."""

    def explained() -> Explanation:
        job = service.jobs.visible(job_id, to=caller).job
        wait = service.view(job).waiting
        facts = service.tasks.facts(job, wait.message if wait else "")
        skews = skews_of(facts.tasks)
        return Explanation(
            findings=[FindingView(**asdict(finding)) for finding in explain(facts, skews)],
            skew=[StepSkew.model_validate(asdict(skew)) for skew in skews],
        )

    return await service.listings.run(caller.id, explained)
