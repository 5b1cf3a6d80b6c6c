"""`fanfold submit`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.verbs.console import result, result_json, say
from fanfold.verbs.options import PARAM_OPTION, Size, inputs_of
from fanfold_client.verbs.options import with_client

if TYPE_CHECKING:
    from fanfold.authored import Authored
    from fanfold_client.client import Client


@click.command()
@click.argument("job")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="[NAME=]PLACE",
    help="What to read; repeatable. NAME where a job has several inputs.",
)
@click.option("--output", metavar="PLACE", help="Folder for the parts, as files:counts/ (else kept with the job).")
@click.option("--name", help="What to call the job in listings.")
@click.option("--partitions", type=click.IntRange(1, 10_000), help="Parts of the output (by the input's size).")
@click.option("--workers", type=click.IntRange(1, 800), help="Processes or pods (by the input's size).")
@click.option("--split-size", type=Size(), help="Input per map task, as 16MiB (by the input's size).")
@PARAM_OPTION
@click.option("--key", help="Idempotency key: the same key again gives the same job.")
@click.option("--watch", "watching", is_flag=True, help="Follow the job; the exit status tells how it ended.")
@with_client
def submit(
    client: "Client", job: str, inputs: tuple[str, ...], output: str | None, key: str | None, watching: bool,
    params: tuple[str, ...], as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Hand a job to the service.

    JOB is a built-in job (wordcount) or a Python file, whose code is uploaded. A PLACE is files:PATH (in the service),
    s3://BUCKET/PATH where the service allows it, or a file or folder of this machine, which is uploaded first; and each
    may be a pattern, as 'files:logs/*.gz'.

    The job's id is printed alone on stdout.

    \b
    fanfold submit wordcount --input texts/ --watch
    id=$(fanfold submit wordcount.py --input files:texts/ --output files:counts/)
    """
    from fanfold import authored
    from fanfold.verbs.progress import Display
    from fanfold_client.places import input_place, output_place

    request: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if output is not None:
        request["output"] = output_place(output)
    made = authored.resolve(job).given(params)
    made.look_for_programs(here=False)
    if made.params:
        request["params"] = made.params
    request["job"] = _uploaded(client, made)
    with Display(quiet=as_json) as display:
        request["inputs"] = inputs_of(made.spec, inputs, lambda place: input_place(client, place, display))
    admitted = client.jobs.submit(request, key)
    job_id = admitted["id"]
    if as_json:
        if not watching:
            result_json(admitted)
    else:
        result(job_id)
    if watching:
        from fanfold_client.verbs.watch import watch_job

        return watch_job(client, job_id, as_json)
    say(f"Follow it: fanfold watch {job_id}      Its results: fanfold results {job_id}", dim=True)
    return 0


def _uploaded(client: "Client", made: "Authored") -> dict[str, Any]:
    """The request's `job`: a built-in by name; of a file its spec, the code uploaded unless it is known."""
    if made.builtin:
        return {"builtin": made.builtin}
    if made.bundle:
        client.bundles.ensure(made.bundle.sha256, made.bundle.data)
    return {"spec": asdict(made.spec)}
