"""`fanfold submit`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fanfold.foreground.options import JOB
from fanfold.terminal.console import result, result_json, say
from fanfold.verbs.job_help import JobHelp
from fanfold_client.jobs.options import SUBMIT_OPTIONS, request_fields
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold.planning.compiled import CompiledJob
    from fanfold_client.client import Client


@click.command(
    cls=JobHelp,
    params=[
        JOB,
        click.Argument(["own"], nargs=-1, metavar="[-- OPTION…]"),
        *SUBMIT_OPTIONS,
        click.Option(
            ["--mrjob", "is_mrjob"], is_flag=True, help="JOB is written for mrjob; its own options follow after --."
        ),
        click.Option(["--python"], metavar="PATH", help="The Python here that has mrjob.  [default: Fanfold's own]"),
        click.Option(["--key"], help="Idempotency key: repeating a request with the same key returns the same job."),
        click.Option(["--watch", "watching"], is_flag=True, help="Follow the job; the exit status says how it ended."),
    ],
)
@with_client
def submit(client: "Client", job: str, own: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Submit a job to the service.

    JOB is a built-in job (wordcount) or a Python file, whose code is uploaded. A PLACE is files:PATH (in the service),
    s3://BUCKET/PATH if the service allows it, or a file or folder on this machine, which is uploaded first. Each may
    be a pattern, such as 'files:logs/*.gz'. Of pipes (- for standard input) a copy is uploaded.

    Only the job's id is printed on stdout.

    \b
    fanfold submit wordcount --input texts/ --watch
    id=$(fanfold submit wordcount.py --input files:texts/ --output files:counts/)
    fanfold submit --mrjob top.py --input files:logs/ --watch -- --limit 10
    """
    from fanfold_client.jobs.submitting import say_notes

    body = request_of(client, job, own, options, quiet=as_json or options["quiet"])
    admitted = client.jobs.submit(body, options["key"])
    say_notes(admitted)
    job_id, watching = admitted["id"], options["watching"]
    if not as_json:
        result(job_id)
    elif not watching:
        result_json(admitted)
    if watching:
        from fanfold_client.verbs.watching.watch import watch_job

        return watch_job(client, job_id, as_json, quiet=options["quiet"])
    say(f"Follow it with fanfold watch {job_id}; get its results with fanfold results {job_id}", dim=True)
    return 0


def request_of(
    client: "Client", job: str, own: tuple[str, ...], options: Mapping[str, Any], *, quiet: bool
) -> dict[str, Any]:
    """The body of the request that a command line means; what it needs has been uploaded.

    Raises:
        click.UsageError: options contradict each other.
        ClientError, Refused, InvalidJob: the job can't run as asked.
    """
    from fanfold.terminal.display import Display
    from fanfold_client.jobs.submitting import prepare

    request = request_fields(options, options["output"])
    compiled = _compiled(client, job, own, options)
    with Display(quiet=quiet) as display:
        return prepare(client, compiled, request, options["inputs"], display)


def _compiled(client: "Client", job: str, own: tuple[str, ...], options: Mapping[str, Any]) -> "CompiledJob":
    """The job with its parameters. Raises click.UsageError: options contradict each other."""
    from fanfold.dependencies.requirements import requirements_of
    from fanfold_client.jobs.submitting import packed_for, resolve_for

    is_mrjob, python, include = options["is_mrjob"], options["python"], options["include"]
    if not is_mrjob and (own or python):
        raise click.UsageError("a job's own options, and --python, go with --mrjob; parameters are --param NAME=VALUE")
    if is_mrjob and include:
        raise click.UsageError("--include goes with jobs of Fanfold's; in a script for mrjob, name files in FILES")
    if is_mrjob:
        return packed_for(client, _compile_mrjob(job, own, python), requirements_of(job, options["requirements"]))
    return resolve_for(client, job, include, options["requirements"]).with_params(options["params"])


def _compile_mrjob(script: str, own: tuple[str, ...], python: str | None) -> "CompiledJob":
    from fanfold.verbs.mrjob import compile_mrjob

    return compile_mrjob(script, own, python, local=False)
