"""`fanfold schedule`: jobs that the service submits by itself, when it is time."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, result, result_json, say, say_done, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.schedules import Schedule, Tick
    from fanfold_client.client import Client

NAME = click.argument("name")
OWNER = click.option("--owner", metavar="USER", help="Another owner, by name or id (for administrators).")
SHOWN = 10  # of the history; --json shows all that is kept


@click.group()
def schedule() -> None:
    """Submit jobs when it is time, again and again."""


@schedule.command()
@NAME
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- submit JOB OPTION…")
@click.option("--cron", required=True, help="Minute, hour, day of month, month, day of week, such as '0 3 * * *'.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Whose clock, as Europe/Athens.")
@click.option(
    "--catch-up",
    type=click.Choice(["none", "last", "all"]),
    default="none",
    show_default=True,
    help="Which ticks to make up for that passed while the service was down.",
)
@click.option(
    "--overlap",
    type=click.Choice(["skip", "queue", "allow"]),
    default="skip",
    show_default=True,
    help="What a tick does while the job of an earlier one runs.",
)
@with_client
def add(client: "Client", name: str, command: tuple[str, ...], as_json: bool, **when: str) -> None:
    """Add a schedule: a `submit` command line, and when to submit it.

    Files, folders and code of this machine are uploaded now, and kept for the schedule. In --output, --input and
    --name, {date} stands for the tick's day (2026-11-24) and {scheduled} for the tick (20261124T010000Z).

    \b
    fanfold schedule add nightly --cron '0 3 * * *' --timezone Europe/Athens -- \\
        submit wordcount --input files:texts/ --output 'files:counts/{date}/'
    """
    from fanfold_client.verbs.schedules.command_line import request_of

    request = request_of(client, command, quiet=as_json)
    added = client.schedules.add({"name": name, **when, "request": request})
    if as_json:
        result_json(added)
        return
    result(name)
    say(f"It is due next at {added['next'][0]}. Show it with fanfold schedule show {name}", dim=True)


@schedule.command("list")
@click.option("--all", "everybody", is_flag=True, help="Everybody's schedules, for administrators.")
@with_client
def list_(client: "Client", everybody: bool, as_json: bool) -> None:
    """List schedules."""
    found = list(client.schedules.list(everybody=everybody))
    if as_json:
        result_json({"items": found})
        return
    if not found:
        say("There are no schedules.")
        return
    heads = ("NAME", *(["OWNER"] if everybody else []), "CRON", "ZONE", "NEXT", "LAST")
    table(heads, [_row(one, everybody) for one in found])


@schedule.command()
@NAME
@OWNER
@with_client
def show(client: "Client", name: str, owner: str | None, as_json: bool) -> None:
    """Show a schedule, its next ticks, and what became of the last ones."""
    found = client.schedules.get(name, _owner_id(client, name, owner))
    if as_json:
        result_json(found)
        return
    for label, value in _facts(found):
        if value:
            result(f"{label:<9} {value}")
    history = found.get("history", [])
    if history:
        result("")
        table(("TICK", "TICKS", "OUTCOME", "JOB OR REASON"), [_entry(tick) for tick in history[:SHOWN]])
    if len(history) > SHOWN:
        say(f"{len(history) - SHOWN} more: fanfold schedule show {name} --json")
    if found["failures"]:
        say(f"It failed {quantity(found['failures'], 'time')} in a row.", fg="red")


@schedule.command()
@NAME
@OWNER
@with_client
def pause(client: "Client", name: str, owner: str | None, as_json: bool) -> None:
    """Submit nothing until it is resumed. Jobs that run go on."""
    say_done(f"Paused {name}.", client.schedules.pause(name, _owner_id(client, name, owner)), as_json=as_json)


@schedule.command()
@NAME
@OWNER
@with_client
def resume(client: "Client", name: str, owner: str | None, as_json: bool) -> None:
    """Go on with the next tick. Those that passed meanwhile aren't made up for."""
    resumed = client.schedules.resume(name, _owner_id(client, name, owner))
    say_done(f"Resumed {name}; it is due next at {resumed['next'][0]}.", resumed, as_json=as_json)


@schedule.command()
@NAME
@OWNER
@with_client
def run(client: "Client", name: str, owner: str | None, as_json: bool) -> None:
    """Submit the schedule's job now, whether it is paused or not. Its ticks stay as they are."""
    job = client.schedules.run(name, _owner_id(client, name, owner))
    if as_json:
        result_json(job)
        return
    result(job["id"])
    say(f"Follow it with fanfold watch {job['id']}", dim=True)


@schedule.command()
@NAME
@OWNER
@with_client
def remove(client: "Client", name: str, owner: str | None, as_json: bool) -> None:
    """Forget a schedule. Its jobs stay."""
    client.schedules.remove(name, _owner_id(client, name, owner))
    say_done(f"Removed {name}.", {"name": name}, as_json=as_json)


def _owner_id(client: "Client", name: str, owner: str | None) -> str | None:
    """The id of an owner who may be given by name. What names nobody is taken for an id, so the service refuses it."""
    if owner is None:
        return None
    owners = {one["owner_id"]: one["owner"] for one in client.schedules.list(everybody=True) if one["name"] == name}
    named = [owner_id for owner_id, owner_name in owners.items() if owner_name == owner]
    return owner if owner in owners or not named else named[0]


def _row(one: "Schedule", everybody: bool) -> tuple[str, ...]:
    following = "paused" if one["paused"] else one["next"][0] if one["next"] else "never"
    owner = [one["owner"]] if everybody else []
    return one["name"], *owner, one["cron"], one["timezone"], following, _told(one["last"])


def _facts(one: "Schedule") -> list[tuple[str, str | None]]:
    return [
        ("schedule", one["name"]),
        ("owner", one["owner"]),
        ("cron", f"{one['cron']}  ({one['timezone']})"),
        ("next", ", ".join(one["next"])),
        ("paused", one["paused"]),
        ("waiting", ", ".join(one["waiting"])),
        ("catch-up", one["catch_up"]),
        ("overlap", one["overlap"]),
        ("output", one["output"] or "with each job"),
    ]


def _entry(tick: "Tick") -> tuple[str, str, str, str]:
    by_hand = " (by hand)" if tick["by_hand"] else ""
    what = f"{tick['job']}  {tick['state'] or 'has not ended'}" if tick["job"] else tick["why"] or ""
    return tick["tick"], str(tick["ticks"]), tick["outcome"] + by_hand, what


def _told(last: "Tick | None") -> str:
    return "" if last is None else last["state"] or last["outcome"]
