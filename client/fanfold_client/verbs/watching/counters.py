"""`fanfold counters`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import columns, result_json
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def counters(client: "Client", job_id: str, as_json: bool) -> None:
    """Show a job's counters.

    They are listed by group and name; the group fanfold holds those that every job has. Counters are exact even if
    workers died and tasks ran twice. While the job is running, they cover the tasks finished so far.
    """
    groups = client.jobs.get(job_id)["counters"]
    if as_json:
        result_json(groups)
        return
    columns([(group, name, f"{number:,}") for group, numbers in groups.items() for name, number in numbers.items()])
