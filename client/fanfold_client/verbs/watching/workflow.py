"""`fanfold workflow`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result, result_json
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--run", type=click.IntRange(1), help="The run of a job that was retried.  [default: the last one]")
@with_client
def workflow(client: "Client", job_id: str, run: int | None, as_json: bool) -> None:
    """Print a job's Argo Workflow, as it was created.

    It is YAML, and with --json an object. It can be printed long after the Workflow itself is gone.
    """
    text = client.jobs.workflow(job_id, run)
    if as_json:
        import yaml

        result_json(yaml.safe_load(text))
    else:
        result(text.rstrip("\n"))
