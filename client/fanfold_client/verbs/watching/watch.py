"""`fanfold watch`."""

from typing import TYPE_CHECKING

import click

from fanfold.terminal.console import result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def watch(client: "Client", job_id: str, as_json: bool) -> int:
    """Follow a job until it ends.

    The exit status is 0 if it succeeds, and 1 if it fails or is cancelled. Ctrl-C stops watching, not the job.
    """
    return watch_job(client, job_id, as_json)


def watch_job(client: "Client", job_id: str, as_json: bool, *, quiet: bool = False) -> int:
    """Follow a job, report how it ended, and return the exit status."""
    from fanfold.terminal.display import Display
    from fanfold_client.jobs.following import follow
    from fanfold_client.verbs.watching.ending import explained, report_end, say_findings

    try:
        with Display(quiet=as_json or quiet) as display:
            job = follow(client.jobs, job_id, display)
    except KeyboardInterrupt:
        message = (
            f"The job keeps running. Follow it with fanfold watch {job_id}; cancel it with fanfold cancel {job_id}"
        )
        say(message)
        raise KeyboardInterrupt(message) from None
    explanation = explained(client, job_id)
    if as_json:
        result_json({**job, **explanation})
    say_findings(explanation, job_id)
    return report_end(job)
