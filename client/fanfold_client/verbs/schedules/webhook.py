"""`fanfold webhook`: which URLs may be notified when a job has ended, and the secret that signs messages."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result, result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.group()
def webhook() -> None:
    """Show which URLs may be notified when a job has ended, and make the secret that signs messages.

    `fanfold submit --notify URL` notifies a URL. Messages are signed by Standard Webhooks.
    """


@webhook.command()
@with_client
def show(client: "Client", as_json: bool) -> None:
    """Show which URLs jobs may name, and when your secret was made."""
    found = client.webhooks.get()
    if as_json:
        result_json(found)
        return
    for entry in found["allowed"]:
        result(entry)
    if not found["allowed"]:
        say("This service notifies no URLs: its operator lists webhooks in FANFOLD_SUBMIT_WEBHOOKS.")
    created = found["secret_created"]
    say(f"Your secret was made at {created}." if created else "You have no secret: fanfold webhook secret makes one.")


@webhook.command()
@with_client
def secret(client: "Client", as_json: bool) -> None:
    """Make a secret that signs your messages, and print it. It is never shown again.

    If you had one before, it signs, too, for a day.
    """
    made = client.webhooks.make_secret()
    if as_json:
        result_json(made)
        return
    result(made["secret"])
    if made["previous_until"]:
        say(f"The one before signs, too, until {made['previous_until']}.")
