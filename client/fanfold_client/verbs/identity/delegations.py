"""`fanfold delegations`: what services may do for you when you aren't logged in."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say, say_done, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.group()
def delegations() -> None:
    """Show what services may do for you when you aren't logged in, and end it.

    Each schedule has a delegation, by which it submits jobs with your roles of that moment. The one for `team-jobs`
    says whether you are still in the teams for which you have submitted jobs.
    """


@delegations.command("list")
@with_client
def list_(client: "Client", as_json: bool) -> None:
    """List delegations, each with what it is for."""
    found = client.delegations.list()
    if as_json:
        result_json({"items": found})
    elif found:
        table(("ID", "PURPOSE", "CREATED"), [(one["id"], one["purpose"], one["created"]) for one in found])
    else:
        say("No service may do anything for you.")


@delegations.command()
@click.argument("delegation", metavar="ID")
@with_client
def end(client: "Client", delegation: str, as_json: bool) -> None:
    """End a delegation. What it was for stops: a schedule pauses, jobs for a team that wait fail, and say why."""
    client.delegations.end(delegation)
    say_done(f"Ended the delegation {delegation}.", {"id": delegation}, as_json=as_json)
