"""Report how a job ended."""

from fanfold.diagnosis.words import OBVIOUS, finding_line, skew_lines
from fanfold.terminal.console import say
from fanfold.terminal.counted import told
from fanfold_client.api.problems import ClientError
from fanfold_client.api.responses import Explanation, Job
from fanfold_client.client import Client
from fanfold_client.jobs.ending import failure_of, quarantine_of, skipped_in

_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


def explained(client: Client, job_id: str) -> Explanation:
    """What bounds a job; nothing, from a service that can't say."""
    try:
        return client.tasks.explain(job_id)
    except ClientError:
        return {"findings": [], "skew": []}


def say_findings(explanation: Explanation, job_id: str) -> None:
    """Print on stderr what bounds a job, if it isn't obvious, and how unequal its tasks are."""
    for finding in explanation["findings"]:
        if finding["code"] not in OBVIOUS:
            say(finding_line(finding, job_id))
    for line in skew_lines(explanation["skew"]):
        say(line, dim=True)


def report_end(job: Job) -> int:
    """Print on stderr how a job ended, and return the exit status for it."""
    state = job["state"]
    if state == "succeeded":
        for line in told(job["counters"], skipped_in(job), quarantine_of(job)):
            say(line)
        say(f"Job {job['id']} succeeded. Get its results with fanfold results {job['id']}", fg="green")
        return 0
    say(f"Job {job['id']} {'was cancelled' if state == 'cancelled' else 'failed'}.", fg=_COLOURS[state])
    report_problem(job)
    return 1


def report_problem(job: Job) -> None:
    """Print on stderr why a job failed, as `fanfold run` does: the task, the record and the user's traceback."""
    if failure := failure_of(job):
        say(failure.describe())
