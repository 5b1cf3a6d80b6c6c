"""`fanfold logs`."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result, result_json, say
from fanfold_client.verbs.watching.where import with_run_or_client

if TYPE_CHECKING:
    from fanfold.diagnosis.local import LocalRun
    from fanfold_client.client import Client


@click.command()
@click.argument("job", metavar="ID|OUTPUT")
@click.option("--task", metavar="TASK", help="Only lines of this task, such as map/12, or of a step's tasks: map.")
@click.option("--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--run", "number", type=click.IntRange(1), help="The run of a job that was retried.  [default: the last]")
@with_run_or_client
def logs(
    job: str, run: "LocalRun | None", client: "Client | None", task: str | None, follow: bool, number: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Print a job's log.

    It holds what the job's code printed, and what happened to its tasks. ID is a job in the service; OUTPUT is the
    output folder of `fanfold run`. With --json, each line is an object.

    A line is TIME WORKER TASK MARK TEXT. The mark is | for what the code printed, > for what it said with
    ctx.progress, and * for what Fanfold says of the task. A run that goes on from another one adds to its log; one that
    began anew has a log of its own.
    """
    if run and number:
        raise click.UsageError("--run goes with a job in the service: `fanfold run` keeps the log of one run")
    is_empty = True
    for line in _of_run(run, task, follow) if run else _of_job(client, job, task=task, follow=follow, run=number):
        is_empty = False
        if as_json:
            result_json(line)
        else:
            mark = {"job": "|", "progress": ">", "fanfold": "*"}[line["by"]]
            result(f"{line['time']} {line['worker']} {line['task'] or '-'} {mark} {line['text']}")
    if is_empty:
        hint = f" List the job's tasks with fanfold tasks {shlex.quote(job)}" if task else ""
        say(f"The log of {task or job} is empty.{hint}")


def _of_job(client: "Client | None", job: str, **query: Any) -> Iterator[Any]:
    assert client
    try:
        yield from client.logs.read(job, **query)
    except KeyboardInterrupt:
        if query["follow"]:
            message = f"The job keeps running. Follow its log again with fanfold logs {job} --follow"
            say(message)
            raise KeyboardInterrupt(message) from None
        raise


def _of_run(run: "LocalRun", task: str | None, follow: bool) -> Iterator[Any]:
    from fanfold_steps.logs.line import as_json

    if follow:
        raise click.UsageError("--follow goes with a job in the service: `fanfold run` shows its own progress")
    return map(as_json, run.log(task))
