"""`fanfold keys`: the keys that sign tokens, for administrators."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result, result_json, say, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.group()
def keys() -> None:
    """Manage signing keys (for administrators).

    A new key is published some time before it signs tokens, so that every service knows it by then. The old key stays
    published until its last token has expired.
    """


@keys.command("list")
@with_client
def list_(client: "Client", as_json: bool) -> None:
    """List the keys that verify tokens."""
    known = client.keys.list()
    if as_json:
        result_json({"keys": known})
    else:
        table(("KEY", "ALGORITHM"), [(key["kid"], key["alg"]) for key in known])


@keys.command()
@with_client
def rotate(client: "Client", as_json: bool) -> None:
    """Publish a new key, which takes over a little later."""
    key = client.keys.rotate()
    if as_json:
        result_json(key)
    else:
        result(key["kid"])
    say(f"It will sign tokens from {key['signs_from']} on.")
