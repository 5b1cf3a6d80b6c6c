"""Report how a job ended."""

from fanfold.terminal.console import say
from fanfold.terminal.counted import told
from fanfold_client.api.responses import Job
from fanfold_client.jobs.ending import failure_of, quarantine_of, skipped_in

_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


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
