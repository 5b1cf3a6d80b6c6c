"""Follow a job to its end: by its events, or by asking again and again where these don't come through."""

import time
from collections.abc import Iterator

from fanfold.terminal.display import Display
from fanfold.terminal.progress import ProgressLine
from fanfold.terminal.steps import StepProgress
from fanfold_client.api.collections import Jobs
from fanfold_client.api.events import NoStream
from fanfold_client.api.problems import Away
from fanfold_client.api.responses import FINAL, Job
from fanfold_client.jobs.waiting import place_in_queue

SHORTEST_POLL, LONGEST_POLL = 0.1, 1.0  # seconds between two requests: few at first, for small jobs
PATIENCE = 60.0  # seconds without a response before giving up


def follow(jobs: Jobs, job_id: str, display: Display) -> Job:
    """Show a job's progress until its state is final. A restart of the service doesn't interrupt this.

    Raises:
        ClientError: there is no such job, or the service hasn't responded for a minute.
    """
    steps, told = StepProgress(), ""
    for job in _versions(jobs, job_id):
        wait = job.get("waiting")
        if wait and wait["reason"] != told:
            told = wait["reason"]
            display.say(f"Job {job_id} waits: {wait['message']}")
        display.show(steps.lines(job["stages"]) or [ProgressLine(job["state"], 0, place_in_queue(job))])
        if job["state"] in FINAL:
            return job
    raise AssertionError("a job's versions end with a final one")


def _versions(jobs: Jobs, job_id: str) -> Iterator[Job]:
    """The job as it changes."""
    job: Job | None = None
    try:
        for event in jobs.events(job_id):
            if event.kind == "job":
                job = event.data
            elif event.kind == "waiting" and job:
                job = {**job, "waiting": event.data}
            if job:
                yield job
    except NoStream:
        yield from _polled(jobs, job_id)


def _polled(jobs: Jobs, job_id: str) -> Iterator[Job]:
    """The job as it is each time that the service is asked."""
    pause, last_response = SHORTEST_POLL, time.monotonic()
    while True:
        try:
            job = jobs.get(job_id)
        except Away:
            if time.monotonic() - last_response > PATIENCE:
                raise
        else:
            last_response = time.monotonic()
            yield job
        time.sleep(pause)
        pause = min(LONGEST_POLL, pause * 1.2)
