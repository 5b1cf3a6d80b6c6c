"""What users may do to a job that hasn't ended: have it end, or let it start before their others."""

from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import JobFinal, NotAdmitted, NotWaiting
from fanfold_web.refusals import Contended

_TRIES = 20
_ENDED = {State.SUCCEEDED: "has succeeded", State.FAILED: "has failed", State.CANCELLED: "was cancelled"}


def cancel(job_id: str, principal: Principal, jobs: JobRecords) -> Job:
    """Ask for a job to end; asking again changes nothing. Raises NoSuchJob, JobFinal, NotAdmitted, Contended."""
    for _ in range(_TRIES):
        current = jobs.visible(job_id, principal)
        if current.job.desired == "cancel":
            return current.job
        if current.job.state.final:
            raise JobFinal(f"Job {job_id} {_ENDED[current.job.state]} already, so it cannot be cancelled.")
        if not current.job.admitted:
            workflow = current.job.workflow
            stop = f"argo stop -n {workflow.namespace} {workflow.name}" if workflow else "argo stop"
            raise NotAdmitted(f"Job {job_id} was started by its Workflow. Stop that: {stop}")
        after = current.job.changed(desired="cancel")
        if jobs.change(current, after):
            return after
    raise Contended("The job kept changing. Try again.")


def prioritize(job_id: str, priority: int, principal: Principal, jobs: JobRecords) -> Job:
    """Let a job that waits start earlier or later. Raises NoSuchJob, NotWaiting, Contended."""
    for _ in range(_TRIES):
        current = jobs.visible(job_id, principal)
        if not jobs.is_waiting(current.job):
            state = current.job.state
            raise NotWaiting(f"Job {job_id} is {state} and waits for no workers, so a priority has no effect.")
        after = current.job.changed(priority=priority)
        if jobs.move_waiting(current, after):
            return after
    raise Contended("The job kept changing. Try again.")
