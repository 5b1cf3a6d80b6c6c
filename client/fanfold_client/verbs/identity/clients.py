"""`fanfold clients`: applications at which people log in through the auth service."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result, result_json, say, say_done, table
from fanfold_client.verbs.options import with_client
from fanfold_client.verbs.prompts import confirm

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.group()
def clients() -> None:
    """Manage applications that log people in through Fanfold (for administrators).

    Fanfold's auth service is an OpenID provider. An application needs the service's URL as its issuer, an id, and a
    secret:

    \b
    fanfold clients add grafana --redirect-uri https://grafana.example.org/login/generic_oauth
    """


@clients.command()
@click.argument("client_id", metavar="ID")
@click.option(
    "--redirect-uri", "redirect_uris", metavar="URL", multiple=True, required=True,
    help="Where its users go after they have logged in, exactly. Repeatable.",
)  # fmt: skip
@click.option(
    "--post-logout-redirect-uri", "logout_uris", metavar="URL", multiple=True,
    help="Where they may go after they have logged out. Repeatable.",
)  # fmt: skip
@click.option("--public", is_flag=True, help="It runs on users' machines, so it has no secret, and must use PKCE.")
@click.option("--no-pkce", is_flag=True, help="It need not use PKCE. Only for applications that can't.")
@with_client
def add(
    client: "Client",
    client_id: str,
    redirect_uris: tuple[str, ...],
    logout_uris: tuple[str, ...],
    public: bool,
    no_pkce: bool,
    as_json: bool,
) -> None:
    """Register an application, and print its secret. It is never shown again."""
    added = client.clients.add(client_id, redirect_uris, logout_uris, public=public, pkce=not no_pkce)
    if as_json:
        result_json(added)
    elif added["secret"]:
        result(added["secret"])
    shown = "It has no secret." if public else "Its secret is not shown again."
    say(f"Registered {client_id}. {shown} Its issuer is the auth service's URL.")


@clients.command("list")
@with_client
def list_(client: "Client", as_json: bool) -> None:
    """List applications."""
    found = client.clients.list()
    if as_json:
        result_json({"items": found})
    elif found:
        rows = [(one["id"], _kind(one["public"], one["pkce"]), ", ".join(one["redirect_uris"])) for one in found]
        table(("ID", "KIND", "REDIRECT URIS"), rows)
    if not found:
        say("No application is registered: fanfold clients add ID --redirect-uri URL registers one.")


@clients.command()
@click.argument("client_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@with_client
def remove(client: "Client", client_id: str, yes: bool, as_json: bool) -> None:
    """Forget an application. Nobody can log in there any more."""
    if not yes:
        confirm(f"Remove the application {client_id}?")
    client.clients.remove(client_id)
    say_done(f"Removed {client_id}.", {"id": client_id}, as_json=as_json)


def _kind(public: bool, pkce: bool) -> str:
    return "public" if public else "secret" if pkce else "secret, no PKCE"
