"""`fanfold watch`."""

from typing import TYPE_CHECKING

import click

from fanfold.verbs.console import result_json, say
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold_client.client import Client


@click.command()
@click.argument("job_id", metavar="ID")
@with_client
def watch(client: "Client", job_id: str, as_json: bool) -> int:
    """Follow a job until it ends.

    The exit status is 0 if it succeeds and 1 if it fails or is cancelled. Ctrl-C ends the watching, not the job.
    """
    return watch_job(client, job_id, as_json)


def watch_job(client: "Client", job_id: str, as_json: bool) -> int:
    """Follow a job, say how it ended; the exit status."""
    from fanfold.verbs.progress import Display
    from fanfold_client.following import follow, tell_end

    try:
        with Display(quiet=as_json) as display:
            job = follow(client, job_id, display)
    except KeyboardInterrupt:
        told = f"The job goes on. Follow it again: fanfold watch {job_id}      End it: fanfold cancel {job_id}"
        say(told)
        raise KeyboardInterrupt(told) from None
    if as_json:
        result_json(job)
    return tell_end(job)
