"""`fanfold counters`."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import columns, result_json
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def counters(client: "Client", job_id: str, as_json: bool) -> None:
    """Show what a job counted.

    Its own counters by group and name, and in the group fanfold those that every job has. They are exact whatever died
    and ran twice; while the job runs they are those of the tasks done so far.
    """
    counted = client.jobs.get(job_id)["counters"]
    if as_json:
        result_json(counted)
        return
    columns([(group, name, f"{number:,}") for group, numbers in counted.items() for name, number in numbers.items()])
