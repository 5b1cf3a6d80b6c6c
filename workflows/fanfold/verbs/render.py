"""`fanfold render JOB`: print the Argo Workflow that runs a job."""

from dataclasses import replace
from functools import partial
from typing import Any

import click

from fanfold.authored import Authored, resolve
from fanfold.planner import Sizing
from fanfold.standalone import Draft, draft, take_up
from fanfold.verbs.errors import Exit, run_and_exit
from fanfold.verbs.options import (
    PARAM_OPTION,
    PLACE_OPTIONS,
    POD_OPTIONS,
    SIZING_OPTIONS,
    decorated,
    inputs_of,
    place_url,
    pod_settings,
)

_OPTIONS = [
    *PLACE_OPTIONS,
    click.option("--workers", type=click.IntRange(min=1), help="Pods for map (by the input's size)."),
    *SIZING_OPTIONS,
    click.option("--in-order", is_flag=True, help="Let split, map and reduce wait for each other in Argo too."),
    PARAM_OPTION,
    *POD_OPTIONS,
    click.option(
        "--write", is_flag=True, help="Also write job.json and the code, so that the Workflow can be created."
    ),
]


@click.command(short_help="Print a job's Argo Workflow.")
@click.argument("job")
@partial(decorated, options=_OPTIONS)
def render(job: str, in_order: bool, write: bool, **options: Any) -> None:
    """Print, as YAML, the Argo Workflow that runs JOB, a built-in job (wordcount) or a Python file.

    \b
    fanfold render wordcount --input s3://texts/ --output s3://counts/ --s3-secret fanfold-s3
    fanfold render job.py --input file:///data/texts/ --output file:///data/counts/ --claim fanfold-data

    Pods must see every PLACE, and so must this machine, to measure the input. A Workflow reads its job from
    OUTPUT/_job, which only --write makes:

    \b
    fanfold render wordcount … --write | kubectl create -f -
    """
    run_and_exit(lambda: _print(resolve(job).given(options["params"]), options, in_order=in_order, write=write))


def _print(authored: Authored, options: dict[str, Any], *, in_order: bool, write: bool) -> int:
    from fanfold.workflow import build  # Hera takes half a second

    drafted = _draft(authored, options, in_order=in_order)
    workflow = build(drafted.plan, pod_settings(options), in_order=in_order).to_yaml(allow_unicode=True)
    if write:
        take_up(drafted, authored)
    click.echo(workflow, nl=False)
    return Exit.DONE


def _draft(authored: Authored, options: dict[str, Any], *, in_order: bool) -> Draft:
    inputs = inputs_of(authored.spec, options["inputs"])
    output = place_url(options["output"]).rstrip("/") + "/"
    sizing = Sizing(options["partitions"], options["split_size"], options["workers"], options["memory"])
    drafted = draft(authored, inputs, output, sizing, "argo")
    if in_order and "all" in drafted.plan.conf.workers:  # so small that one pod would do everything: nothing to show
        return draft(authored, inputs, output, replace(sizing, workers=1), "argo")
    return drafted
