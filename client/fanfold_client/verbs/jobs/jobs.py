"""`fanfold jobs`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import duration, result_json, say, table
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.collections import JobListing
    from fanfold_client.api.responses import Job
    from fanfold_client.client import Client

STATES = ["queued", "dispatched", "running", "succeeded", "failed", "cancelled"]
ORDERS = ["newest", "oldest", "duration"]
_MOST_COUNTED = 1000  # by the service, which says so for any greater number


@click.command()
@click.option("--state", multiple=True, type=click.Choice(STATES), help="Only jobs in this state. Repeatable.")
@click.option("--name", help="Only jobs of this very name.")
@click.option("--schedule", metavar="NAME", help="Only jobs that this schedule submitted.")
@click.option("--text", metavar="WORDS", help="Only jobs with these words in their name, output or inputs.")
@click.option("--since", metavar="TIME", help="Created then or later: 2d, 12h, 2026-11-01 or 2026-11-01T08:00.")
@click.option("--until", metavar="TIME", help="Created then or earlier; a day is included.")
@click.option("--team", metavar="GROUP", help="The jobs of a group of yours, whoever owns them.")
@click.option("--owner", metavar="USER", help="Another user's jobs, by name or id (for administrators).")
@click.option("--all", "everybody", is_flag=True, help="List everybody's jobs (for administrators).")
@click.option(
    "--sort",
    type=click.Choice(ORDERS),
    default="newest",
    show_default=True,
    help="The order; duration: those that ran longest first.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The number of jobs to list.")
@with_client
def jobs(client: "Client", limit: int, as_json: bool, **filters: Any) -> None:
    """List jobs, newest first.

    \b
    fanfold jobs --state running --state queued
    fanfold jobs --since 2d --text nightly
    fanfold jobs --sort duration --limit 5

    Filters can be combined. Times without a zone are local ones; in the list, too. PROGRESS counts tasks.
    """
    listing = client.jobs.first(limit, **filters)
    if as_json:
        result_json({"items": listing.jobs})
    elif listing.jobs:
        shows_owner = filters["everybody"] or bool(filters["owner"] or filters["team"])
        heads = ["ID", "NAME", "STATE", "PROGRESS", "DURATION", *["OWNER"] * shows_owner, "CREATED"]
        table(heads, [_row(job, shows_owner=shows_owner) for job in listing.jobs], flexible="NAME")
    _say_what_follows(listing, filters)


def _say_what_follows(listing: "JobListing", filters: dict[str, Any]) -> None:
    if not listing.jobs:
        is_filtered = any(value for name, value in filters.items() if name != "sort")
        say("No job matches." if is_filtered else "You have no jobs: fanfold submit starts one.")
    if listing.are_all:
        return
    if listing.more is None:
        say("there may be more: raise --limit", dim=True)
    elif listing.more:
        least = "at least " * (listing.more >= _MOST_COUNTED)
        say(f"{least}{listing.more:,} more: raise --limit, or filter them", dim=True)


def _row(job: "Job", *, shows_owner: bool) -> list[str]:
    created = datetime.fromisoformat(job["created"]).astimezone()
    owner = [job["owner"]] * shows_owner
    return [job["id"], job["name"], job["state"], _progress(job), _taken(job), *owner, f"{created:%Y-%m-%d %H:%M:%S}"]


def _progress(job: "Job") -> str:
    """Tasks that are done, of those that are planned; none are before the plan."""
    steps = [step for stage in job["stages"] for step in stage["steps"]]
    planned = sum(step["tasks"] or 0 for step in steps)
    return f"{sum(step['done'] for step in steps)}/{planned}" if planned else "-"


def _taken(job: "Job") -> str:
    """How long the job has been running, or ran."""
    if job["started"] is None:
        return "-"
    end = datetime.fromisoformat(job["finished"]) if job["finished"] else datetime.now(UTC)
    return duration(max(0.0, (end - datetime.fromisoformat(job["started"])).total_seconds()))
