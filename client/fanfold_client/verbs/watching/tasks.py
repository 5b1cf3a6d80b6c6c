"""`fanfold tasks`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import duration, number, result_json, say, size, table
from fanfold_client.verbs.watching.where import with_run_or_client

if TYPE_CHECKING:
    from fanfold.diagnosis.local import LocalRun
    from fanfold_client.client import Client

HEADS = ("TASK", "STATE", "SECONDS", "RECORDS", "IN", "OUT", "SPILLED", "SKIPPED", "TRIES", "WHERE")


@click.command()
@click.argument("job", metavar="ID|OUTPUT")
@click.option("--stage", type=click.IntRange(0), help="Only tasks of this stage.")
@click.option("--step", type=click.Choice(["map", "shuffle", "reduce"]), help="Only tasks of this step.")
@click.option(
    "--state", type=click.Choice(["waiting", "running", "committed", "failed"]), help="Only tasks in this state."
)
@click.option(
    "--sort",
    type=click.Choice(["seconds", "records", "bytes", "index"]),
    default="seconds",
    show_default=True,
    help="The largest first; or by index.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The number of tasks to list.")
@with_run_or_client
def tasks(job: str, run: "LocalRun | None", client: "Client | None", limit: int, as_json: bool, **filters: Any) -> None:
    """List a job's tasks, the slowest first.

    ID is a job in the service; OUTPUT is the output folder of `fanfold run`. Of a map task, RECORDS are those that it
    read; of another task, those that it wrote. TRIES counts workers that died and backup tasks.
    """
    listed, more = _of_run(run, limit, filters) if run else _of_job(client, job, limit, filters)
    if as_json:
        result_json({"items": listed})
        return
    if listed:
        table(HEADS, map(_row, listed))
    else:
        say("There are no such tasks.")
    if more:
        say(f"There are more; list them with --limit {limit * 10}.", dim=True)


def _of_job(client: "Client | None", job: str, limit: int, filters: dict[str, Any]) -> tuple[Sequence[Any], bool]:
    assert client
    found = list(client.tasks.list(job, limit=limit + 1, **filters))
    return found[:limit], len(found) > limit


def _of_run(run: "LocalRun", limit: int, filters: dict[str, Any]) -> tuple[Sequence[Any], bool]:
    from fanfold.diagnosis.tasks import Query

    page = Query(**filters, limit=limit).page(run.facts().tasks)
    return [asdict(task) for task in page.items], page.cursor is not None


def _row(task: Any) -> tuple[str, ...]:
    stage = f"{task['stage']}/" if task["stage"] else ""
    seconds = task["seconds"]
    has_begun = task["state"] != "waiting"
    shown = "" if seconds is None else f"{seconds:.2f}" if seconds < 60 else duration(seconds)
    return (
        f"{stage}{task['step']}/{task['index']}",
        task["state"],
        shown,
        number(task["records"]) if has_begun else "",
        size(task["bytes_in"]) if has_begun else "",
        size(task["bytes_out"]) if has_begun else "",
        size(task["spilled"]) if task["spills"] else "",
        number(task["skipped"]) if task["skipped"] else "",
        str(task["attempts"]) if has_begun else "",
        " ".join(filter(None, (task["worker"], f"({task['host']})" if task["host"] else "", task["status"]))),
    )
