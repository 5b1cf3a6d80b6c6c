"""The job: what is stored of it, how it may change, and what a caller sees.

    queued → dispatched → running → succeeded | failed | cancelled

A run of a job only moves forward. It may skip a state that nobody observed, and a final state never changes; what tasks
still did until the last worker had left is added to it. `desired` goes from run to cancel, and then only `cancelled` is
left as the run's end. A job that failed or was cancelled may be given another run, which begins in the queue: (runs,
state) only moves forward.
"""

import re
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from fanfold.engines import Handle
from fanfold.planning.planner import PlannedJob
from fanfold.planning.sizing import at_once
from fanfold_steps.job.spec import conf_from_json
from fanfold_steps.tree.progress import Progress
from fanfold_submit.job_ids import ID_PATTERN
from fanfold_submit.queueing.entries import HIGHEST, LOWEST, Entry
from fanfold_submit.queueing.view import Wait

_RUN = re.compile(r"/run-(\d{1,9})/$")  # at the end of the URL of a tree that a later run has begun
# What the OpenAPI document adds is stated, not checked: records of older versions are read with the same models.
_TIME: dict[str, JsonValue] = {"format": "date-time"}


class State(StrEnum):
    """How far a job has got."""

    QUEUED = "queued"  # stored; no worker was asked for yet
    DISPATCHED = "dispatched"  # the engine was asked to start its workers
    RUNNING = "running"  # a worker has begun
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def rank(self) -> int:
        """Later states have higher ranks; the final ones have the same."""
        return {"queued": 0, "dispatched": 1, "running": 2}.get(self, 3)

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.rank == 3


class IllegalChange(Exception):
    """A change that the life of a job does not allow: a bug in the service."""


class Workflow(BaseModel):
    """What the engine calls the job's workers: on Kubernetes, an Argo Workflow."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str = Field(examples=["fanfold-000m3k2v8q1x7f9a2b4c"])
    uid: str
    url: str | None = Field(
        default=None,
        description="Where the Argo UI shows it, if there is one",
        examples=["https://argo.example.org/workflows/fanfold/fanfold-000m3k2v8q1x7f9a2b4c"],
        exclude_if=lambda url: url is None,  # it isn't stored
    )

    def seen_at(self, argo_ui: str) -> "Workflow":
        """The same with its URL in the Argo UI at `argo_ui`.

        >>> Workflow(namespace="fanfold", name="fanfold-1", uid="u").seen_at("https://argo.example.org/").url
        'https://argo.example.org/workflows/fanfold/fanfold-1'
        """
        url = f"{argo_ui.rstrip('/')}/workflows/{quote(self.namespace)}/{quote(self.name)}"
        return self.model_copy(update={"url": url})


class Scheduled(BaseModel):
    """The schedule that submitted a job, and for which of its ticks."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["nightly"])
    tick: str = Field(examples=["2026-11-24T01:00:00Z"], json_schema_extra=_TIME)


class Step(BaseModel):
    """A step's tasks; null until they are planned. The committed ones read `records` and wrote `bytes`."""

    step: str = Field(examples=["map"])
    tasks: int | None = Field(json_schema_extra={"minimum": 0})
    done: int = Field(json_schema_extra={"minimum": 0})
    failed: int = Field(json_schema_extra={"minimum": 0})
    records: int = Field(json_schema_extra={"minimum": 0})
    bytes: int = Field(json_schema_extra={"minimum": 0})


class Stage(BaseModel):
    """One map and reduce of a job."""

    index: int = Field(json_schema_extra={"minimum": 0})
    steps: list[Step]


class Replaced(BaseModel):
    """The output of an earlier job, which this one's replaces.

    Where two folders can swap names, the new output is written beside the old one, and `manifest` is None. Elsewhere
    `manifest` is the SHA-256 of the old one's manifest, and the last worker deletes the old output.
    """

    model_config = ConfigDict(frozen=True)

    final: str  # the URL where the output belongs
    manifest: str | None


class Notified(BaseModel):
    """How far notifying a URL that a job has ended has got."""

    model_config = ConfigDict(frozen=True)

    state: Literal["waiting", "delivered", "failed"] = Field(description="`failed`: it was given up")
    attempts: int = Field(default=0, json_schema_extra={"minimum": 0})
    at: str | None = Field(default=None, description="When it was tried last", json_schema_extra=_TIME)
    error: str | None = Field(default=None, description="Why the last attempt failed")


class JobView(BaseModel):
    """A job as callers see it. Times are RFC 3339 in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["000m3k2v8q1x7f9a2b4c"], json_schema_extra={"pattern": ID_PATTERN})
    name: str = Field(examples=["wordcount"])
    owner: str = Field(examples=["ada"], description="The name that the owner had")
    owner_id: str = Field(examples=["3f9d0c7a51e8b264d09f"], description="Whose job it is, whatever their name")
    state: State
    runs: int = Field(default=1, description="How often it was begun: once, and again with each retry")
    retried: str | None = Field(default=None, description="When its last retry was requested", json_schema_extra=_TIME)
    resumed: bool | None = Field(
        default=None, description="Whether its last retry goes on from committed tasks, or anew; null without one"
    )
    anew: list[int] = Field(
        default=[], description="The runs that began from the beginning; each has a log of its own, as has run 1"
    )
    desired: Literal["run", "cancel"] = "run"
    engine: str = Field(examples=["argo"])
    admitted: bool = Field(default=True, description="False if a Workflow that plans itself has started it")
    inputs: list[str] | dict[str, list[str]] = Field(examples=[["files:texts/"]])
    output: str | None = Field(default=None, examples=["files:counts/"], description="null if it is kept with the job")
    team: str | None = Field(
        default=None, examples=["analysts"], description="The group whose members also see it, if it is a team's"
    )
    partitions: int = Field(json_schema_extra={"minimum": 1})
    workflow: Workflow | None = None
    created: str = Field(examples=["2026-11-24T07:15:00.000Z"], json_schema_extra=_TIME)
    started: str | None = Field(default=None, json_schema_extra=_TIME)
    finished: str | None = Field(default=None, json_schema_extra=_TIME)
    schedule: Scheduled | None = Field(default=None, description="What submitted it, if it was a schedule")
    notify: str | None = Field(default=None, description="The URL that is notified when it has ended")
    notified: Notified | None = Field(default=None, description="How far notifying that URL has got")
    notes: list[str] = Field(default=[], description="What the job asks for that has no effect here")
    stages: list[Stage] = []
    counters: dict[str, dict[str, int]] = Field(
        default={}, description="Of the committed tasks, by group and name", examples=[{"words": {"long": 12}}]
    )
    error: dict[str, Any] | None = Field(default=None, description="Why it failed, as an RFC 9457 problem")
    waiting: Wait | None = Field(default=None, description="Why it doesn't run yet")
    priority: int = Field(
        default=0,
        description="Of the jobs of one owner that wait, the highest starts first",
        json_schema_extra={"minimum": LOWEST, "maximum": HIGHEST},
    )
    worker_seconds: float = Field(
        default=0.0, description="How long its workers ran, added up", json_schema_extra={"minimum": 0}
    )


class Job(JobView):
    """A job as it is stored: what callers see, and what it takes to run it.

    Jobs from before there were ids belong to their owner's name, which is the id of users from that time. Fields that
    only later versions know are kept, since replicas of both versions write the same record during an update.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    conf: dict[str, Any]  # job.json
    url: str  # of the job's tree
    replaces: Replaced | None = None
    fruitless: int = 0  # how often its workers have ended since a task was last committed
    lists: int = 0  # of which version the lists are that hold it; see `listed.py`
    dispatched: str | None = None  # when workers were asked for, the last time
    groups: tuple[str, ...] = ()  # of its owner, those that had limits when it was admitted
    submitted_by_admin: bool | None = None  # None: before users had folders in @shared/, which only admins wrote to
    metered: float | None = None  # Unix seconds until which `worker_seconds` counts; None while there are no workers

    @model_validator(mode="before")
    @classmethod
    def _from_before(cls, fields: Any) -> Any:
        """Fields that records of earlier versions lack, and that follow from others."""
        if "owner_id" not in fields:
            fields = {**fields, "owner_id": fields.get("owner")}
        if "anew" not in fields and (run := _RUN.search(str(fields.get("url", "")))):
            fields = {**fields, "anew": [int(run[1])]}
        return fields

    def view(self) -> JobView:
        """What callers see."""
        return JobView.model_construct(**{name: getattr(self, name) for name in JobView.model_fields})

    @property
    def plan(self) -> PlannedJob:
        """What an engine needs to start its workers."""
        return PlannedJob(conf_from_json(self.conf), self.url, self.owner, run=self.runs)

    @property
    def output_url(self) -> str:
        """Where the output belongs, which is elsewhere than where it is written while another one lies there."""
        return self.replaces.final if self.replaces else str(self.conf["output"])

    @property
    def handle(self) -> Handle | None:
        """The engine's handle of its workers, once they were asked for."""
        return Handle(self.workflow.namespace, self.workflow.name, self.workflow.uid) if self.workflow else None

    @property
    def workers(self) -> int:
        """How many workers it has at a time: those of all steps or, where pods of other kinds follow, the most."""
        return at_once(self.conf["workers"])

    @property
    def entry(self) -> Entry:
        """Its place among what waits and runs."""
        return Entry(self.id, self.owner_id, self.workers, self.priority, self.groups)

    @property
    def tasks_done(self) -> int:
        """How many tasks are committed, according to this record."""
        return sum(step.done for stage in self.stages for step in stage.steps)

    def changed(self, **fields: Any) -> "Job":
        """A copy with some fields changed. Raises IllegalChange; ValidationError: a value that no field may have."""
        after = self.model_validate({**dict(self), **fields})
        if self.state.final and after != self:
            raise IllegalChange(f"job {self.id} is {self.state}, which is final")
        if after.state.rank < self.state.rank or (self.desired, after.desired) == ("cancel", "run"):
            raise IllegalChange(f"job {self.id} cannot go from {self.state} back to {after.state}")
        if after.state is State.CANCELLED and after.desired != "cancel":
            raise IllegalChange(f"nobody asked for job {self.id} to be cancelled")
        if after.runs != self.runs:
            raise IllegalChange(f"only a retry gives job {self.id} another run")
        if self.desired == "cancel" and not self.state.final and after.state in (State.SUCCEEDED, State.FAILED):
            raise IllegalChange(f"job {self.id} was to be cancelled, so it can't become {after.state}")
        return after

    def settled(self, stages: list[Stage], counters: dict[str, dict[str, int]]) -> "Job":
        """The job, which has ended, with what its tasks had done by the time when the last worker had left.

        Raises IllegalChange: it hasn't ended; ValidationError: a value that no field may have.
        """
        if not self.state.final:
            raise IllegalChange(f"job {self.id} is {self.state}, so its tasks aren't settled")
        return self.model_validate({**dict(self), "stages": stages, "counters": counters})

    def next_run(self, now: str, *, resumed: bool, **fields: Any) -> "Job":
        """The job as its next run begins, with some fields changed, such as its configuration.

        Raises IllegalChange: it hasn't failed, nor was it cancelled.
        """
        if self.state not in (State.FAILED, State.CANCELLED):
            raise IllegalChange(f"job {self.id} is {self.state}, so it can't be retried")
        begun = {"state": State.QUEUED, "desired": "run", "runs": self.runs + 1, "retried": now, "resumed": resumed}
        gone = ("workflow", "waiting", "notified", "dispatched", "started", "finished", "metered", "error")
        ended = dict.fromkeys(gone)
        stages, counters = (_without_failures(self.stages), self.counters) if resumed else ([], {})
        anew = self.anew if resumed else [*self.anew, self.runs + 1]
        progress: dict[str, Any] = {"fruitless": 0, "stages": stages, "counters": counters, "anew": anew}
        return self.model_validate({**dict(self), **begun, **ended, **progress, **fields})


def stages_of(progress: Progress) -> list[Stage]:
    """The stages of a job as its tree shows them."""
    return [Stage.model_validate(asdict(stage)) for stage in progress.stages]


def _without_failures(stages: list[Stage]) -> list[Stage]:
    return [
        Stage(index=stage.index, steps=[step.model_copy(update={"failed": 0}) for step in stage.steps])
        for stage in stages
    ]


def metered(job: Job, after: Job, now: float) -> Job:
    """The job as it is about to be stored, with the worker-seconds since it was stored last."""
    if after == job or not job.admitted:
        return after
    seconds = 0.0 if job.metered is None else max(0.0, now - job.metered) * job.workers
    runs = after.workflow is not None and not after.state.final
    fields = {"worker_seconds": round(job.worker_seconds + seconds, 3), "metered": now if runs else None}
    return after.model_copy(update=fields)
