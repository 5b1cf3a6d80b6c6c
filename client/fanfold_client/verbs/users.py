"""`fanfold users`: accounts, for administrators."""

from typing import TYPE_CHECKING, Any

import click

from fanfold.verbs.console import result_json, say, table
from fanfold_client.verbs.asking import ask_password, confirm
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.answers import User
    from fanfold_client.client import Client

ROLE = click.Choice(["viewer", "submitter", "admin"])


@click.group()
def users() -> None:
    """Manage accounts (for administrators).

    A viewer sees, a submitter also runs jobs and stores files, an admin also manages accounts.
    """


@users.command("list")
@with_client
def list_(client: "Client", as_json: bool) -> None:
    """List accounts."""
    found = list(client.users.list())
    if as_json:
        result_json({"items": found})
    else:
        table(("NAME", "ROLES", "STATE"), [_row(user) for user in found])


@users.command()
@click.argument("name")
@click.option(
    "--role", "roles", type=ROLE, multiple=True, default=("submitter",), show_default=True, help="May repeat."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, up to the first line's end.")
@with_client
def add(client: "Client", name: str, roles: tuple[str, ...], password_stdin: bool, as_json: bool) -> None:
    """Make an account."""
    from fanfold_client.credentials import valid_name

    password = ask_password(password_stdin, f"Password for {valid_name(name)}", twice=True)
    _tell(client.users.add(name, password, roles), as_json, f"{name} may log in now.")


@users.command()
@click.argument("name")
@with_client
def show(client: "Client", name: str, as_json: bool) -> None:
    """Show an account."""
    user = client.users.get(name)
    if as_json:
        result_json(user)
    else:
        table(("NAME", "ROLES", "STATE"), [_row(user)])


@users.command()
@click.argument("name")
@with_client
def disable(client: "Client", name: str, as_json: bool) -> None:
    """Keep a user from logging in, and end their logins."""
    _tell(client.users.disable(name), as_json, f"{name} can't log in any more.")


@users.command()
@click.argument("name")
@with_client
def enable(client: "Client", name: str, as_json: bool) -> None:
    """Let a user log in again."""
    _tell(client.users.enable(name), as_json, f"{name} may log in again.")


@users.command()
@click.argument("name")
@click.argument("role", type=ROLE)
@with_client
def grant(client: "Client", name: str, role: str, as_json: bool) -> None:
    """Give a user a role."""
    _tell(client.users.grant(name, role), as_json, f"{name} is {role} now.")


@users.command()
@click.argument("name")
@click.argument("role", type=ROLE)
@with_client
def revoke(client: "Client", name: str, role: str, as_json: bool) -> None:
    """Take a role from a user."""
    _tell(client.users.revoke(name, role), as_json, f"{name} isn't {role} any more.")


@users.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, up to the first line's end.")
@with_client
def password(client: "Client", name: str, password_stdin: bool, as_json: bool) -> None:
    """Give a user another password, which ends their logins."""
    client.users.set_password(name, ask_password(password_stdin, f"New password for {name}", twice=True))
    _tell({"name": name}, as_json, f"{name} has a new password.")


@users.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@with_client
def remove(client: "Client", name: str, yes: bool, as_json: bool) -> None:
    """Remove an account."""
    if not yes:
        confirm(f"Remove {name}?")
    client.users.remove(name)
    _tell({"name": name}, as_json, f"{name} is removed.")


def _row(user: "User") -> tuple[str, str, str]:
    return user["name"], ",".join(user["roles"]), "disabled" if user["disabled"] else "enabled"


def _tell(answer: Any, as_json: bool, sentence: str) -> None:
    if as_json:
        result_json(answer)
    say(sentence)
