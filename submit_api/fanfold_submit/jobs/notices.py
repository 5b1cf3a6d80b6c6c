"""What is told of a job when it has ended, and what became of the telling."""

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from fanfold_submit.webhooks.outbox import Message, body_of

if TYPE_CHECKING:
    from fanfold_submit.jobs.job import Job

_TIME: dict[str, JsonValue] = {"format": "date-time"}
LONGEST_DETAIL = 2000  # characters


class Notified(BaseModel):
    """How far notifying a URL that a job has ended has got."""

    model_config = ConfigDict(frozen=True)

    state: Literal["waiting", "delivered", "failed"] = Field(description="`failed`: it was given up")
    attempts: int = Field(default=0, json_schema_extra={"minimum": 0})
    at: str | None = Field(default=None, description="When it was tried last", json_schema_extra=_TIME)
    error: str | None = Field(default=None, description="Why the last attempt failed")


def notice(job: "Job") -> Message:
    """The message that a job with a URL has ended."""
    assert job.notify is not None and job.finished is not None
    told = ("id", "name", "owner", "owner_id", "state", "created", "started", "finished", "output", "schedule")
    data = job.model_dump(mode="json", include=set(told))
    if job.error:
        data["error"] = {"type": job.error.get("type"), "detail": str(job.error.get("detail", ""))[:LONGEST_DETAIL]}
    ended = datetime.fromisoformat(job.finished).timestamp()
    return Message(
        id=f"{job.id}-{int(ended * 1000)}",
        url=job.notify,
        owner_id=job.owner_id,
        body=body_of(f"job.{job.state}", job.finished, data),
        created=ended,
        job=job.id,
    )
