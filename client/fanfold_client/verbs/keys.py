"""`fanfold keys`: what signs the tokens, for administrators."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result, result_json, say, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.group()
def keys() -> None:
    """Manage signing keys (for administrators).

    A new key is published a while before it signs, so that every service knows it by then; the old one stays published
    as long as its tokens live.
    """


@keys.command("list")
@with_client
def list_(client: "Client", as_json: bool) -> None:
    """List the keys that verify tokens."""
    found = client.keys()
    if as_json:
        result_json({"keys": found})
    else:
        table(("KEY", "ALGORITHM"), [(key["kid"], key["alg"]) for key in found])


@keys.command()
@with_client
def rotate(client: "Client", as_json: bool) -> None:
    """Publish a new key, which then takes over."""
    made = client.rotate_keys()
    if as_json:
        result_json(made)
    else:
        result(made["kid"])
    say(f"It signs from {made['signs_from']} on.")
