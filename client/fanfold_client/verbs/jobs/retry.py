"""`fanfold retry`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import quantity, result, result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.api.responses import Job
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--code", metavar="JOB", help="Go on with other code: a Python file, or a built-in job.")
@click.option("--anew", is_flag=True, help="Discard what is done, and begin from the beginning.")
@click.option("--include", multiple=True, metavar="PATH", help="File or folder beside the job's file, to travel along.")
@click.option("--requirements", metavar="FILE", help="Packages, or a lock file, instead of the job's # /// script.")
@click.option("--watch", "watching", is_flag=True, help="Follow the job; the exit status says how it ended.")
@with_client
def retry(
    client: "Client", job_id: str, code: str | None, anew: bool, include: tuple[str, ...], requirements: str | None,
    watching: bool, as_json: bool,
) -> int:  # fmt: skip
    """Retry a job that failed or was cancelled.

    It keeps its id, inputs and output, and goes on from the tasks that are done. With other code, these only count if
    the job has a task_version, and the other code has the same: Job(…, task_version="1"). Otherwise the job begins
    from the beginning.

    Only the job's id is printed on stdout.
    """
    if not code and (include or requirements):
        raise click.UsageError("--include and --requirements go with --code")
    job = client.retry(job_id, code, anew=anew, include=include, requirements=requirements)
    say(_what_happens(job))
    if watching:
        from fanfold_client.verbs.watching.watch import watch_job

        if not as_json:
            result(job_id)
        return watch_job(client, job_id, as_json)
    if as_json:
        result_json(job)
    else:
        result(job_id)
    say(f"Follow it with fanfold watch {job_id}; get its results with fanfold results {job_id}", dim=True)
    return 0


def _what_happens(job: "Job") -> str:
    run = f"Run {job.get('runs', 1)} of job {job['id']}"
    done = sum(step["done"] for stage in job["stages"] for step in stage["steps"])
    how = f"goes on from {quantity(done, 'task')} already done" if job.get("resumed") else "begins from the beginning"
    return f"{run} {how}."
