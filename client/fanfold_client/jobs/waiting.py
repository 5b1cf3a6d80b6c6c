"""Why a job doesn't run yet, in words."""

from fanfold_client.api.responses import Job


def why_it_waits(job: Job) -> str | None:
    """Why a job waits, and where it stands; None if it doesn't."""
    wait = job.get("waiting")
    if not wait:
        return None
    place = place_in_queue(job)
    return f"{place}: {wait['message']}" if place else wait["message"]


def place_in_queue(job: Job) -> str:
    """Where a job that waits stands; empty if it isn't in the queue."""
    wait = job.get("waiting")
    return f"number {wait['place']} in the queue" if wait and wait["place"] else ""
