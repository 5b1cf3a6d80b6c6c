"""Follow a job to its end, and report how it ended."""

import time

from fanfold.terminal.console import say
from fanfold.terminal.counted import told
from fanfold.terminal.display import Display
from fanfold.terminal.progress import ProgressLine
from fanfold.terminal.steps import StepProgress
from fanfold_client.api.client import Client
from fanfold_client.api.problems import Away
from fanfold_client.api.responses import FINAL, Job
from fanfold_steps.outputs.quarantine import BAD_RECORDS
from fanfold_steps.tree.counters import OWN_GROUP
from fanfold_steps.tree.failed import Failure

SHORTEST_POLL, LONGEST_POLL = 0.1, 1.0  # seconds between two requests: few at first, for small jobs
PATIENCE = 60.0  # seconds without a response before giving up

_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


def follow(client: Client, job_id: str, display: Display) -> Job:
    """Show a job's progress until its state is final. A restart of the service doesn't interrupt this.

    Raises:
        ClientError: there is no such job, or the service hasn't responded for a minute.
    """
    steps, pause, last_response = StepProgress(), SHORTEST_POLL, time.monotonic()
    while True:
        try:
            job = client.jobs.get(job_id)
        except Away:
            if time.monotonic() - last_response > PATIENCE:
                raise
        else:
            last_response = time.monotonic()
            display.show(steps.lines(job["stages"]) or [ProgressLine(job["state"], 0, "")])
            if job["state"] in FINAL:
                return job
        time.sleep(pause)
        pause = min(LONGEST_POLL, pause * 1.2)


def report_end(job: Job) -> int:
    """Print on stderr how a job ended, and return the exit status for it."""
    state = job["state"]
    if state == "succeeded":
        own = job["counters"].get(OWN_GROUP, {})
        skipped = own.get("skipped_records", 0) + own.get("skipped_keys", 0)
        for line in told(job["counters"], skipped, _quarantine(job)):
            say(line)
        say(f"Job {job['id']} succeeded. Get its results with fanfold results {job['id']}", fg="green")
        return 0
    say(f"Job {job['id']} {'was cancelled' if state == 'cancelled' else 'failed'}.", fg=_COLOURS[state])
    report_problem(job)
    return 1


def _quarantine(job: Job) -> str:
    """Where a job's bad records can be read."""
    if job["output"] is None:
        return "to read them, submit the job again with --output files:…/"
    return f"see {job['output'].rstrip('/')}/{BAD_RECORDS}"


def report_problem(job: Job) -> None:
    """Print on stderr why a job failed, as `fanfold run` does: the task, the record and the user's traceback."""
    if problem := job["error"]:
        message = problem.get("detail") or problem.get("title") or "no reason is known"
        say(Failure.from_json({**problem, "message": message}).describe())
