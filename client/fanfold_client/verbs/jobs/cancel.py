"""`fanfold cancel`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def cancel(client: "Client", job_id: str, as_json: bool) -> None:
    """Cancel a job. Its workers stop within moments, and none of its output becomes visible."""
    job = client.jobs.cancel(job_id)
    if as_json:
        result_json(job)
    if job["finished"]:
        say(f"Job {job_id} has ended already: it is {job['state']}.")
    else:
        say(f"Cancelling job {job_id}; follow it with fanfold watch {job_id}")
