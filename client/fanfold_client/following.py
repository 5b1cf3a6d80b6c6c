"""Follow a job to its end, and say how it ended."""

import time
from typing import Any

from fanfold_client.answers import FINAL, Job
from fanfold_client.client import Client
from fanfold_client.console import number, say
from fanfold_client.problems import Away
from fanfold_client.progress import Display, Line, Rate, time_left

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
            display.show(picture.lines(job))
            if job["state"] in FINAL:
                return job
        time.sleep(pause)
        pause = min(LAST_LOOK, pause * 1.2)


class Picture:
    """A job's steps as lines, with the rates that come from seeing them again and again."""

    def __init__(self) -> None:
        self._rates: dict[str, tuple[Rate, Rate]] = {}

    def lines(self, job: Job) -> list[Line]:
        """A line per step; before there are steps, one that says what the job waits for."""
        several = len(job["stages"]) > 1
        lines = [
            self._line(f"{stage['index']} " * several + step["step"], step)
            for stage in job["stages"]
            for step in stage["steps"]
        ]
        return lines or [Line(job["state"], 0, "")]

    def _line(self, label: str, step: Any) -> Line:
        records, tasks = self._rates.setdefault(label, (Rate(), Rate()))
        speed, pace = records.update(step["records"]), tasks.update(step["done"])
        complete = step["done"] == step["tasks"]
        words = [f"{number(step['records'])} records" if step["records"] else ""]
        words += (
            [] if complete else [f"{number(speed)}/s" if speed else "", time_left(step["done"], step["tasks"], pace)]
        )
        share = 1.0 if complete else step["done"] / step["tasks"] if step["tasks"] else 0.0
        total = "?" if step["tasks"] is None else step["tasks"]
        return Line(f"{label:>8}", share, f"{step['done']}/{total}", "  ".join(filter(None, words)))


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
    """Say why a job failed, with the traceback of the user's own code if that raised."""
    problem = job["error"]
    if not problem:
        return
    say(str(problem.get("detail") or problem.get("title") or "no reason is known"))
    if problem.get("traceback"):
        say(str(problem["traceback"]).rstrip())
