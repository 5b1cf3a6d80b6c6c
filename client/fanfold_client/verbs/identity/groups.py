"""`fanfold groups`: who works together, for administrators."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say, say_done, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.group()
def groups() -> None:
    """Manage groups of users (for administrators).

    The members of a group see its jobs (fanfold submit --team GROUP) and share its files (files:@team/GROUP/). A group
    is there as long as somebody is in it.
    """


@groups.command("list")
@click.argument("group", required=False)
@with_client
def list_(client: "Client", group: str | None, as_json: bool) -> None:
    """List groups, or the members of one."""
    if group:
        members = client.groups.members(group)
        if as_json:
            result_json({"name": group, "members": members})
        else:
            table(("NAME",), [(name,) for name in members])
        return
    found = list(client.groups.list())
    if as_json:
        result_json({"items": found})
    elif found:
        table(("GROUP", "MEMBERS"), [(each["name"], str(each["members"])) for each in found])
    if not found:
        say("There are no groups: fanfold groups add GROUP USER makes one.")


@groups.command()
@click.argument("group")
@click.argument("names", metavar="USER…", nargs=-1, required=True)
@click.option("--inherit", is_flag=True, help="Let a new group have the files and jobs of an earlier one of its name.")
@with_client
def add(client: "Client", group: str, names: tuple[str, ...], inherit: bool, as_json: bool) -> None:
    """Put users into a group, which is made if nobody is in it."""
    if not inherit:
        _demand_unused(client, group)
    users = [client.groups.add(group, name) for name in names]
    say_done(f"Put {', '.join(names)} into the group {group}.", {"items": users}, as_json=as_json)


@groups.command()
@click.argument("group")
@click.argument("names", metavar="USER…", nargs=-1, required=True)
@with_client
def remove(client: "Client", group: str, names: tuple[str, ...], as_json: bool) -> None:
    """Take users out of a group."""
    users = [client.groups.remove(group, name) for name in names]
    say_done(f"Took {', '.join(names)} out of the group {group}.", {"items": users}, as_json=as_json)


def _demand_unused(client: "Client", group: str) -> None:
    """Raise Refused if nobody is in the group, and an earlier one of that name has left files or jobs."""
    from fanfold_client.api.problems import NotFound, Refused

    try:
        client.groups.members(group)
    except NotFound:
        area = f"@team/{group}/"
        left = [name for name, found in (
            (f"files (fanfold ls files:{area})", client.files.list(area)),
            (f"jobs (fanfold jobs --team {group})", client.jobs.list(team=group, limit=1)),
        ) if next(found, None)]  # fmt: skip
        if left:
            raise Refused(
                f"an earlier group {group} has left {' and '.join(left)}, which its members would have: remove them, "
                f"choose another name, or pass them on with --inherit"
            ) from None
