"""`fanfold submit`."""

from typing import TYPE_CHECKING, Any

import click

from fanfold.foreground.options import Size
from fanfold.terminal.console import result, result_json, say
from fanfold.verbs.job_help import JobHelp
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold.planning.compiled import CompiledJob
    from fanfold_client.client import Client


@click.command(cls=JobHelp)
@click.argument("job")
@click.argument("own", nargs=-1, metavar="[-- OPTION…]")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="[NAME=]PLACE",
    help="File, folder or pattern. Repeatable. Add NAME= if the job has several inputs.",
)
@click.option("--output", metavar="PLACE", help="Folder for the parts, such as files:counts/ (default: with the job).")
@click.option("--name", help="The job's name in listings.")
@click.option("--partitions", type=click.IntRange(1, 10_000), help="Parts of the output (default: by input size).")
@click.option("--workers", type=click.IntRange(1, 800), help="Processes or pods (default: by input size).")
@click.option("--split-size", type=Size(), help="Input per map task, such as 16MiB (default: by input size).")
@click.option("--image", help="The image of pods, if the service allows it.  [default: the service's own]")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the job. Repeatable.")
@click.option("--include", multiple=True, metavar="PATH", help="File or folder beside the job's file, to travel along.")
@click.option("--requirements", metavar="FILE", help="Packages, or a lock file, instead of the job's # /// script.")
@click.option("--mrjob", "is_mrjob", is_flag=True, help="JOB is written for mrjob; its own options follow after --.")
@click.option("--python", metavar="PATH", help="The Python here that has mrjob.  [default: Fanfold's own]")
@click.option("--notify", metavar="URL", help="Told when the job has ended, if the operator allows the URL.")
@click.option("--key", help="Idempotency key: repeating a request with the same key returns the same job.")
@click.option("--watch", "watching", is_flag=True, help="Follow the job; the exit status says how it ended.")
@with_client
def submit(
    client: "Client", job: str, own: tuple[str, ...], inputs: tuple[str, ...], output: str | None, key: str | None,
    watching: bool, params: tuple[str, ...], include: tuple[str, ...],
    requirements: str | None, is_mrjob: bool, python: str | None, as_json: bool, **options: Any,
) -> int:  # fmt: skip
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
    from fanfold.dependencies.requirements import requirements_of
    from fanfold.terminal.display import Display
    from fanfold_client.files.places import output_place
    from fanfold_client.jobs.submitting import packed_for, resolve_for, say_notes, submit_job

    request: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if output is not None:
        request["output"] = output_place(output)
    if not is_mrjob and (own or python):
        raise click.UsageError("a job's own options, and --python, go with --mrjob; parameters are --param NAME=VALUE")
    if is_mrjob and include:
        raise click.UsageError("--include goes with jobs of Fanfold's; in a script for mrjob, name files in FILES")
    if is_mrjob:
        compiled = packed_for(client, _compile_mrjob(job, own, python), requirements_of(job, requirements))
    else:
        compiled = resolve_for(client, job, include, requirements).with_params(params)
    with Display(quiet=as_json) as display:
        admitted = submit_job(client, compiled, request, inputs, key, display)
    say_notes(admitted)
    job_id = admitted["id"]
    if as_json:
        if not watching:
            result_json(admitted)
    else:
        result(job_id)
    if watching:
        from fanfold_client.verbs.jobs.watch import watch_job

        return watch_job(client, job_id, as_json)
    say(f"Follow it with fanfold watch {job_id}; get its results with fanfold results {job_id}", dim=True)
    return 0


def _compile_mrjob(script: str, own: tuple[str, ...], python: str | None) -> "CompiledJob":
    from fanfold.verbs.mrjob import compile_mrjob

    return compile_mrjob(script, own, python, local=False)
