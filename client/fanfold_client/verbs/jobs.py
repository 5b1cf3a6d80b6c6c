"""`fanfold jobs`."""

from itertools import islice
from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client

STATES = ["queued", "dispatched", "running", "succeeded", "failed", "cancelled"]


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's jobs (for administrators).")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@with_client
def jobs(client: "Client", state: str | None, everybody: bool, limit: int, as_json: bool) -> None:
    """List jobs, the newest first."""
    filters = {"limit": str(min(limit, 100))}
    filters |= {"state": state} if state else {}
    filters |= {"all": "true"} if everybody else {}
    found = list(islice(client.jobs.list(**filters), limit))
    if as_json:
        result_json({"items": found})
    else:
        rows = [(job["id"], job["state"], job["name"], job["owner"], job["created"]) for job in found]
        table(("ID", "STATE", "NAME", "OWNER", "CREATED"), rows)
