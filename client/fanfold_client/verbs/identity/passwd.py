"""`fanfold passwd`: your own password."""

import os
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, say, say_done
from fanfold_client.verbs.options import json_option, profile_option
from fanfold_client.verbs.prompts import ask_password

if TYPE_CHECKING:
    from fanfold_client.client import Client

TOKENS = click.option("--tokens", "end_tokens", is_flag=True, help="Revoke all API tokens, too.")


@click.command()
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the current password from the first line of stdin, the new one from the second.",
)
@TOKENS
@profile_option
@json_option
def passwd(profile: str | None, password_stdin: bool, end_tokens: bool, as_json: bool) -> None:
    """Change your own password.

    It asks for the current one, and for the new one twice. Your other logins end; this one goes on. API tokens stay
    valid, unless you add --tokens: `fanfold tokens list` shows them.
    """
    from fanfold_client.client import Client

    refuse_token()
    with Client(profile=profile) as client:
        change_own(client, password_stdin, end_tokens, as_json)


def change_own(client: "Client", from_stdin: bool, end_tokens: bool, as_json: bool) -> None:
    """Ask for your current and your new password, and change it."""
    name = client.me()["name"]
    current = ask_password(from_stdin, f"Current password of {name}")
    client.change_password(ask_password(from_stdin, f"New password for {name}", twice=True), current)
    report(client, name, None, end_tokens, as_json)
    say("Other logins have ended.")


def refuse_token() -> None:
    """Raises NotAllowed: FANFOLD_TOKEN is set, so the command isn't working with a login."""
    from fanfold_client.api.problems import NotAllowed

    if os.environ.get("FANFOLD_TOKEN"):
        raise NotAllowed(
            "FANFOLD_TOKEN is set, but only somebody who has logged in changes a password: unset it, log in"
        )


def report(client: "Client", name: str, owner: str | None, end_tokens: bool, as_json: bool) -> None:
    """Say that a password has changed, and how many API tokens outlive it; with `end_tokens` revoke them first.

    `owner` is None for your own.
    """
    tokens = [token["name"] for token in client.tokens.valid(owner)]
    if end_tokens:
        for token in tokens:
            client.tokens.revoke(token, owner)
    left, revoked = (0, len(tokens)) if end_tokens else (len(tokens), 0)
    say_done(f"Changed the password of {name}.", {"name": name, "tokens": left, "revoked": revoked}, as_json=as_json)
    if revoked:
        say(f"Revoked {quantity(revoked, 'API token')}.")
    if left:
        whose = f" --owner {owner}" if owner else ""
        them, one = ("it", "it") if left == 1 else ("them", "one")
        say(
            f"{quantity(left, 'API token')} may still act for {owner or 'you'}: fanfold tokens list{whose} shows "
            f"{them}, fanfold tokens revoke NAME{whose} ends {one}."
        )
