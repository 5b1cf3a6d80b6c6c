"""`fanfold cancel`."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def cancel(client: "Client", job_id: str, as_json: bool) -> None:
    """End a job. Its workers leave within moments; what it wrote is not shown."""
    job = client.jobs.cancel(job_id)
    if as_json:
        result_json(job)
    if job["finished"]:
        say(f"Job {job_id} is {job['state']}.")
    else:
        say(f"Job {job_id} is to end. See it end: fanfold watch {job_id}")
