"""`fanfold events`."""

from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result, result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--after", metavar="EVENT", default="", help="Begin after the event with this id.")
@with_client
def events(client: "Client", job_id: str, after: str, as_json: bool) -> None:
    """Print what changes of a job, as it happens.

    It ends with the job. Each line has the event's id, the job's state, and how many tasks of each step are done. With
    --json, each line is an object with id, event and data. The first event is the job as it stands.
    """
    for event in client.jobs.events(job_id, after):
        if as_json:
            result_json({"id": event.id, "event": event.kind, "data": event.data})
        elif event.kind == "job":
            result(f"{event.id}  {event.data['state']:<10}  {_steps(event.data)}".rstrip())
        elif event.kind == "anew":
            say(event.data["detail"])


def _steps(job: Any) -> str:
    several = len(job["stages"]) > 1
    steps = [(f"{stage['index']} " * several, step) for stage in job["stages"] for step in stage["steps"]]
    return "  ".join(f"{stage}{step['step']} {step['done']}/{step['tasks']}" for stage, step in steps)
