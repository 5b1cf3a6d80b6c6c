"""`fanfold passwd`: your own password."""

import os
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say
from fanfold_client.verbs.options import json_option, profile_option
from fanfold_client.verbs.prompts import ask_password

if TYPE_CHECKING:
    pass


@click.command()
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the current password from the first line of stdin, the new one from the second.",
)
@profile_option
@json_option
def passwd(profile: str | None, password_stdin: bool, as_json: bool) -> None:
    """Change your own password.

    It asks for the current one, and for the new one twice. Your other logins end; this one goes on. API tokens stay
    valid: `fanfold tokens list` shows them.
    """
    from fanfold_client.api.problems import NotAllowed
    from fanfold_client.client import Client

    if os.environ.get("FANFOLD_TOKEN"):
        raise NotAllowed("FANFOLD_TOKEN is set, and a password is changed by whoever has logged in: unset it")
    with Client(profile=profile) as client:
        name = client.me()["name"]
        current = ask_password(password_stdin, f"Current password of {name}")
        new = ask_password(password_stdin, f"New password for {name}", twice=True)
        client.change_password(new, current)
        left = len(client.tokens.list())
    if as_json:
        result_json({"name": name, "tokens": left})
    say(f"Changed the password of {name}. Other logins have ended.")
    if left:
        say(f"{left} API token{'s' * (left > 1)} may still act for you: fanfold tokens list")
