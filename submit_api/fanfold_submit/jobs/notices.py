"""What is told of a job when it has ended."""

from datetime import datetime

from fanfold_submit.jobs.job import Job
from fanfold_submit.webhooks.outbox import Message, body_of

LONGEST_DETAIL = 2000  # characters


def notice(job: Job) -> Message:
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
