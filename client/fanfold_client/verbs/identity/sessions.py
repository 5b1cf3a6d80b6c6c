"""`fanfold sessions`: where you are logged in."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say, say_done, table
from fanfold_client.verbs.identity.tokens import OWNER
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.accounts import LoginSession
    from fanfold_client.client import Client


@click.group()
def sessions() -> None:
    """Show where you are logged in, and log out.

    A session is a browser at the login page, a login of the command, or an application that you have logged in to.
    """


@sessions.command("list")
@OWNER
@with_client
def list_(client: "Client", owner: str | None, as_json: bool) -> None:
    """List sessions."""
    found = list(client.sessions.list(owner))
    if as_json:
        result_json({"items": found})
    elif found:
        table(("SESSION", "KIND", "SINCE", "FROM", "PROGRAM"), map(_row, found))
    if not found:
        say(f"{owner} has no sessions." if owner else "No session is listed.")


@sessions.command()
@click.argument("session_id", metavar="[ID]", required=False)
@click.option("--all", "everywhere", is_flag=True, help="Log out everywhere, here included.")
@OWNER
@with_client
def end(client: "Client", session_id: str | None, everywhere: bool, owner: str | None, as_json: bool) -> None:
    """End a session, or all of them.

    Its tokens end with it. Services that were given one refuse it within a minute.
    """
    if (session_id is None) != everywhere:
        raise click.UsageError("give the ID of a session (`fanfold sessions list`), or --all")
    if session_id is None:
        client.sessions.end_all(owner)
        who = f"{owner} is" if owner else "You are"
        said = f"{who} logged out everywhere{'' if owner else ': run `fanfold login`'}."
    else:
        client.sessions.end(session_id, owner)
        said = f"Ended session {session_id}."
    say_done(said, {"ended": session_id or "all"}, as_json=as_json)


def _row(session: "LoginSession") -> tuple[str, str, str, str, str]:
    since = datetime.fromisoformat(session["created"]).astimezone()
    program = session["client"] or session["agent"]
    return session["id"], session["kind"], f"{since:%Y-%m-%d %H:%M}", session["address"], program[:40]
