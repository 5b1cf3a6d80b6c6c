"""`fanfold priority`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@click.argument("priority", metavar="N", type=click.IntRange(-100, 100))
@with_client
def priority(client: "Client", job_id: str, priority: int, as_json: bool) -> None:
    """Change the priority of a job that waits (for administrators).

    Of the jobs of one owner that wait, the one with the highest priority starts first; others' turns stay as they are.
    Without a priority of their own, jobs have 0. Write -- before a number below 0: fanfold priority ID -- -5
    """
    from fanfold_client.jobs.waiting import place_in_queue

    job = client.jobs.prioritize(job_id, priority)
    if as_json:
        result_json(job)
        return
    place = place_in_queue(job)
    say(f"Job {job_id} has priority {priority}" + (f", and is {place}." if place else "."))
