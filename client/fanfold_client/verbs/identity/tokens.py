"""`fanfold tokens`: API tokens, with which scripts act for you."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result, result_json, say, say_done, table
from fanfold_client.verbs.identity.users import ROLE
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.accounts import ApiToken
    from fanfold_client.client import Client

OWNER = click.option("--owner", metavar="USER", help="Another user's (for administrators).")


@click.group()
def tokens() -> None:
    """Manage API tokens, with which scripts act for you.

    A script that finds one in FANFOLD_TOKEN needs no login:

    \b
    export FANFOLD_URL=https://fanfold.example.org FANFOLD_TOKEN=ffat_…
    fanfold submit wordcount --input files:texts/

    It can do at most what you can at that moment, and nothing that outlasts it: passwords, accounts, keys, other tokens
    and schedules need a login.
    """


@tokens.command()
@click.argument("name")
@click.option("--role", type=ROLE, default="submitter", show_default=True, help="What it may do, at most what you may.")
@click.option(
    "--expires", metavar="TIME", default="90d", show_default=True, help="After how long: 12h, 90d, 4w; at most 366d."
)
@with_client
def create(client: "Client", name: str, role: str, expires: str, as_json: bool) -> None:
    """Create a token, and print it. It is never shown again."""
    token = client.tokens.create(name, role, expires)
    if as_json:
        result_json(token)
    else:
        result(token["token"])
    say(f"It is not shown again. It expires on {_day(token['expires'])}; fanfold tokens revoke {name} ends it sooner.")


@tokens.command("list")
@OWNER
@with_client
def list_(client: "Client", owner: str | None, as_json: bool) -> None:
    """List tokens, also those that expired in the last month."""
    found = client.tokens.list(owner)
    if as_json:
        result_json({"items": found})
    elif found:
        table(("NAME", "ROLE", "EXPIRES", "LAST USED"), map(_row, found))
    if not found:
        say(f"{owner} has no tokens." if owner else "You have no tokens: fanfold tokens create NAME makes one.")


@tokens.command()
@click.argument("name")
@OWNER
@with_client
def revoke(client: "Client", name: str, owner: str | None, as_json: bool) -> None:
    """End a token at once."""
    client.tokens.revoke(name, owner)
    say_done(f"Revoked the token {name}.", {"name": name}, as_json=as_json)


def _row(token: "ApiToken") -> tuple[str, str, str, str]:
    has_expired = datetime.fromisoformat(token["expires"]) <= datetime.now(UTC)
    expires = "expired" if has_expired else _day(token["expires"])
    used = datetime.fromisoformat(token["last_used"]).astimezone() if token["last_used"] else None
    return token["name"], token["role"], expires, f"{used:%Y-%m-%d %H:%M}" if used else "never"


def _day(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d}"
