"""`fanfold users`: accounts, for administrators; and your own password."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say_done, table
from fanfold_client.verbs.identity.passwd import TOKENS, change_own, refuse_token, report
from fanfold_client.verbs.options import with_client
from fanfold_client.verbs.prompts import ask_password, choose, confirm

if TYPE_CHECKING:
    from fanfold_client.api.responses import User
    from fanfold_client.client import Client

HEADS = ("NAME", "ROLES", "GROUPS", "STATE")
ROLE = click.Choice(["viewer", "submitter", "admin"])


@click.group()
def users() -> None:
    """Manage accounts (for administrators), and change your own password.

    A viewer can look at things, a submitter can also run jobs and store files, an admin can also manage accounts.
    """


@users.command("list")
@with_client
def list_(client: "Client", as_json: bool) -> None:
    """List accounts."""
    accounts = list(client.users.list())
    if as_json:
        result_json({"items": accounts})
    else:
        table(HEADS, [_row(user) for user in accounts])


@users.command()
@click.argument("name")
@click.option(
    "--role", "roles", type=ROLE, multiple=True, default=("submitter",), show_default=True, help="Repeatable."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
@with_client
def add(client: "Client", name: str, roles: tuple[str, ...], password_stdin: bool, as_json: bool) -> None:
    """Create an account."""
    from fanfold_client.api.credentials import valid_name

    password = ask_password(password_stdin, f"Password for {valid_name(name)}", twice=True)
    say_done(f"Created user {name}.", client.users.add(name, password, roles), as_json=as_json)


@users.command()
@click.argument("name")
@with_client
def show(client: "Client", name: str, as_json: bool) -> None:
    """Show an account."""
    user = client.users.get(name)
    if as_json:
        result_json(user)
    else:
        table(HEADS, [_row(user)])


@users.command()
@click.argument("name")
@with_client
def disable(client: "Client", name: str, as_json: bool) -> None:
    """Disable an account and end its logins."""
    say_done(f"Disabled user {name}.", client.users.disable(name), as_json=as_json)


@users.command()
@click.argument("name")
@with_client
def enable(client: "Client", name: str, as_json: bool) -> None:
    """Enable an account that was disabled."""
    say_done(f"Enabled user {name}.", client.users.enable(name), as_json=as_json)


@users.command()
@click.argument("name")
@click.argument("role", type=ROLE)
@with_client
def grant(client: "Client", name: str, role: str, as_json: bool) -> None:
    """Grant a user a role."""
    say_done(f"Granted {name} the role {role}.", client.users.grant(name, role), as_json=as_json)


@users.command()
@click.argument("name")
@click.argument("role", type=ROLE)
@with_client
def revoke(client: "Client", name: str, role: str, as_json: bool) -> None:
    """Revoke a user's role."""
    say_done(f"Revoked the role {role} from {name}.", client.users.revoke(name, role), as_json=as_json)


@users.command()
@click.argument("name")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the new password from the first line of stdin; to change your own, the current one from the first line "
    "and the new one from the second.",
)
@TOKENS
@with_client
def password(client: "Client", name: str, password_stdin: bool, end_tokens: bool, as_json: bool) -> None:
    """Change a user's password, which ends their logins.

    Administrators can change anybody's. For your own name, it does what `fanfold passwd` does. API tokens stay valid,
    unless you add --tokens.
    """
    if name == client.me()["name"]:
        refuse_token()
        change_own(client, password_stdin, end_tokens, as_json)
        return
    client.users.set_password(name, ask_password(password_stdin, f"New password for {name}", twice=True))
    report(client, name, name, end_tokens, as_json)


@users.command()
@click.argument("name")
@click.option(
    "--files",
    "fate",
    type=click.Choice(["keep", "delete"]),
    help="What to do with the user's files and jobs. Default: ask; with --yes, keep.",
)
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@with_client
def remove(client: "Client", name: str, fate: str | None, yes: bool, as_json: bool) -> None:
    """Remove an account, and keep or delete the user's files and jobs.

    What is kept stays in the service under the account's id. It never passes to another user, not even one of the same
    name.
    """
    account = client.users.get(name)
    if not yes:
        confirm(f"Remove user {name}?")
    fate = fate or ("keep" if yes else choose(f"Files and jobs of {name}", ["keep", "delete"], "--files keep"))
    what = f"kept their files and jobs under the id {account['id']}"
    if removed := client.remove_user(name, everything=fate == "delete"):
        what = f"deleted {removed.files} of their files and {removed.jobs} of their jobs"
    say_done(f"Removed user {name}, and {what}.", {"name": name, "id": account["id"], "files": fate}, as_json=as_json)


@users.command()
@click.argument("owner_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@with_client
def clear(client: "Client", owner_id: str, yes: bool, as_json: bool) -> None:
    """Delete the files and jobs that were kept when a user was removed."""
    if any(account["id"] == owner_id for account in client.users.list()):
        raise click.UsageError(f"the account with the id {owner_id} exists; `fanfold users remove` deletes its files")
    if not yes:
        confirm(f"Delete all files and jobs of the id {owner_id}?")
    files, jobs = client.owners.clear(owner_id)
    say_done(f"Deleted files: {files}, jobs: {jobs}.", {"id": owner_id, "files": files, "jobs": jobs}, as_json=as_json)


def _row(user: "User") -> tuple[str, str, str, str]:
    groups = ",".join(user.get("groups", [])) or "-"
    return user["name"], ",".join(user["roles"]), groups, "disabled" if user["disabled"] else "enabled"
