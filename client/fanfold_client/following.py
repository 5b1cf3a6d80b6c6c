"""Follow a job to its end, and say how it ended."""

import time

from fanfold.verbs.console import say
from fanfold.verbs.progress import Display, Line
from fanfold.verbs.steps import Picture
from fanfold_client.answers import FINAL, Job
from fanfold_client.client import Client
from fanfold_client.problems import Away
from fanfold_steps.report import describe

FIRST_LOOK, LAST_LOOK = 0.1, 1.0  # seconds between two looks: short at first, for small jobs
PATIENCE = 60.0  # seconds for which the service may be away

_COLOURS = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}


def follow(client: Client, job_id: str, display: Display) -> Job:
    """Look at the job until its state is final, and show how far it is; outlasts a service that is started again.

    Raises:
        ClientError: there is no such job, or the service has been away for longer than a minute.
    """
    picture, pause, seen = Picture(), FIRST_LOOK, time.monotonic()
    while True:
        try:
            job = client.jobs.get(job_id)
        except Away:
            if time.monotonic() - seen > PATIENCE:
                raise
        else:
            seen = time.monotonic()
            display.show(picture.lines(job["stages"]) or [Line(job["state"], 0, "")])
            if job["state"] in FINAL:
                return job
        time.sleep(pause)
        pause = min(LAST_LOOK, pause * 1.2)


def tell_end(job: Job) -> int:
    """Say how a job ended, on stderr; the exit status that stands for it."""
    state = job["state"]
    if state == "succeeded":
        say(f"Job {job['id']} succeeded. Its results: fanfold results {job['id']}", fg="green")
        return 0
    say(f"Job {job['id']} {'was cancelled' if state == 'cancelled' else 'failed'}.", fg=_COLOURS[state])
    tell_problem(job)
    return 1


def tell_problem(job: Job) -> None:
    """Say why a job failed as `fanfold run` does: at which task and record, with the user's own traceback."""
    if problem := job["error"]:
        message = problem.get("detail") or problem.get("title") or "no reason is known"
        say(describe({**problem, "message": message}))
