"""`fanfold delete`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_ids", metavar="ID…", nargs=-1, required=True)
@with_client
def delete(client: "Client", job_ids: tuple[str, ...], as_json: bool) -> None:
    """Remove a job that has ended.

    Its results go with it, unless they lie among your files.
    """
    for job_id in job_ids:
        client.jobs.delete(job_id)
        if not as_json:
            say(f"Removed job {job_id}.")
    if as_json:
        result_json({"removed": list(job_ids)})
