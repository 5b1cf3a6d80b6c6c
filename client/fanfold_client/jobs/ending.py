"""How a job ended, as its record in the service tells."""

from fanfold_client.api.responses import Job
from fanfold_steps.tree.counters import OWN_GROUP
from fanfold_steps.tree.failed import Failure


def failure_of(job: Job) -> Failure | None:
    """Why a job failed; None if it didn't."""
    if not (problem := job["error"]):
        return None
    message = problem.get("detail") or problem.get("title") or "no reason is known"
    return Failure.from_json({**problem, "message": message})


def skipped_in(job: Job) -> int:
    """How many bad records and keys a job skipped."""
    own = job["counters"].get(OWN_GROUP, {})
    return own.get("skipped_records", 0) + own.get("skipped_keys", 0)


def quarantine_of(job: Job) -> str:
    """Where a job's bad records can be read, as the end of a sentence."""
    return f"see fanfold results {job['id']} --quarantine"
