"""`fanfold jobs`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client

STATES = ["queued", "dispatched", "running", "succeeded", "failed", "cancelled"]


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--all", "everybody", is_flag=True, help="List everybody's jobs (for administrators).")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The number of jobs to list.")
@with_client
def jobs(client: "Client", state: str | None, everybody: bool, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    listed = list(client.jobs.list(state=state, everybody=everybody, limit=limit))
    if as_json:
        result_json({"items": listed})
    else:
        rows = [(job["id"], job["state"], job["name"], job["owner"], job["created"]) for job in listed]
        table(("ID", "STATE", "NAME", "OWNER", "CREATED"), rows)
