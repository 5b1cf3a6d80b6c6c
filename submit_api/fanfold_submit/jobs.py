"""The job: what is remembered of it, how it may change, and what a caller sees.

    queued → dispatched → running → succeeded | failed | cancelled

A job only moves forward, and may leave out what nobody saw; what is final stays as it is. `desired` goes from run to
cancel.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fanfold.engines import Handle
from fanfold.planner import PlannedJob
from fanfold_steps.spec import conf_from_json


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"  # remembered; no worker was asked for yet
    DISPATCHED = "dispatched"  # the engine was given its workers
    RUNNING = "running"  # a worker has begun
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def rank(self) -> int:
        """Later states have higher ranks; the final ones share one."""
        return {"queued": 0, "dispatched": 1, "running": 2}.get(self, 3)

    @property
    def final(self) -> bool:
        """Whether nothing changes any more."""
        return self.rank == 3


class IllegalChange(Exception):
    """A change that a job's life doesn't allow. It is a defect of the service."""


class Workflow(BaseModel):
    """Where the engine keeps the job: on Kubernetes, the Argo Workflow."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str = Field(examples=["fanfold-000m3k2v8q1x7f9a2b4c"])
    uid: str


class Step(BaseModel):
    """A step's tasks; `records` were read and `bytes` written by the committed ones. `tasks` is null until planned."""

    step: str = Field(examples=["map"])
    tasks: int | None
    done: int
    failed: int
    records: int
    bytes: int


class Stage(BaseModel):
    """One map and reduce of a job."""

    index: int
    steps: list[Step]


class JobView(BaseModel):
    """A job as callers see it. Times are RFC 3339 in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["000m3k2v8q1x7f9a2b4c"])
    name: str = Field(examples=["wordcount"])
    owner: str = Field(examples=["ada"])
    state: State
    desired: Literal["run", "cancel"] = "run"
    engine: str = Field(examples=["argo"])
    inputs: list[str] | dict[str, list[str]] = Field(examples=[["files:texts/"]])
    output: str | None = Field(default=None, examples=["files:counts/"], description="null: kept with the job")
    partitions: int
    workflow: Workflow | None = None
    created: str = Field(examples=["2026-11-24T07:15:00.000Z"])
    started: str | None = None
    finished: str | None = None
    stages: list[Stage] = []
    counters: dict[str, dict[str, int]] = Field(
        default={}, description="By group and name, of the committed tasks", examples=[{"words": {"long": 12}}]
    )
    error: dict[str, Any] | None = Field(default=None, description="Why it failed, as an RFC 9457 problem")


class Job(JobView):
    """A job as it is remembered: what callers see, and what running it needs."""

    conf: dict[str, Any]  # job.json
    url: str  # of the job's tree
    fruitless: int = 0  # how often its workers ended since a task was last committed

    def view(self) -> JobView:
        """What callers see."""
        return JobView.model_construct(**{name: getattr(self, name) for name in JobView.model_fields})

    @property
    def plan(self) -> PlannedJob:
        """What an engine needs to start its workers."""
        return PlannedJob(conf_from_json(self.conf), self.url, self.owner)

    @property
    def handle(self) -> Handle | None:
        """Where the engine keeps it, once it was given to one."""
        return Handle(**self.workflow.model_dump()) if self.workflow else None

    @property
    def tasks_done(self) -> int:
        """How many tasks are committed as far as this record knows."""
        return sum(step.done for stage in self.stages for step in stage.steps)

    def changed(self, **fields: Any) -> "Job":
        """The job with some fields changed. Raises IllegalChange."""
        after = self.model_copy(update=fields)
        if self.state.final and after != self:
            raise IllegalChange(f"job {self.id} is {self.state}, which is final")
        if after.state.rank < self.state.rank or (self.desired, after.desired) == ("cancel", "run"):
            raise IllegalChange(f"job {self.id} cannot go from {self.state} back to {after.state}")
        if after.state is State.CANCELLED and after.desired != "cancel":
            raise IllegalChange(f"nobody asked for job {self.id} to be cancelled")
        return after
