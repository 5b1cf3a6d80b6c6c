"""Follow a job to its end."""

import time

from fanfold.terminal.display import Display
from fanfold.terminal.progress import ProgressLine
from fanfold.terminal.steps import StepProgress
from fanfold_client.api.collections import Jobs
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
    steps, pause, last_response, told = StepProgress(), SHORTEST_POLL, time.monotonic(), ""
    while True:
        try:
            job = jobs.get(job_id)
        except Away:
            if time.monotonic() - last_response > PATIENCE:
                raise
        else:
            last_response = time.monotonic()
            wait = job.get("waiting")
            if wait and wait["reason"] != told:
                told = wait["reason"]
                display.say(f"Job {job_id} waits: {wait['message']}")
            display.show(steps.lines(job["stages"]) or [ProgressLine(job["state"], 0, place_in_queue(job))])
            if job["state"] in FINAL:
                return job
        time.sleep(pause)
        pause = min(LONGEST_POLL, pause * 1.2)
