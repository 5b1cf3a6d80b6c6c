"""`fanfold render JOB`: print the Argo Workflow that runs a job."""

from dataclasses import replace
from typing import Any

import click

from fanfold.dependencies.here import use_here, with_packages
from fanfold.dependencies.requested import requested
from fanfold.foreground.options import (
    INCLUDE_OPTION,
    JOB,
    PACKAGE_OPTIONS,
    PARAM_OPTION,
    PLACE_OPTIONS,
    POD_OPTIONS,
    SIZING_OPTIONS,
)
from fanfold.foreground.pipes import spooled
from fanfold.foreground.places import folder_url, inputs_of
from fanfold.foreground.request import pod_settings, sizing_of, target_of
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.standalone import PlannedRun, plan_run, start_or_resume
from fanfold.resolve import resolve
from fanfold.terminal.errors import Exit, run_and_exit

_OPTIONS: list[click.Parameter] = [
    *PLACE_OPTIONS,
    click.Option(["--workers"], type=click.IntRange(min=1), help="Map pods (default: by input size)."),
    *SIZING_OPTIONS,
    click.Option(["--in-order"], is_flag=True, help="Make split, map and reduce wait for each other in Argo, too."),
    PARAM_OPTION,
    INCLUDE_OPTION,
    *PACKAGE_OPTIONS,
    *POD_OPTIONS,
    click.Option(["--write"], is_flag=True, help="Also write job.json and the code, so that the Workflow can run."),
]


@click.command(params=[JOB, *_OPTIONS], short_help="Print a job's Argo Workflow.")
def render(job: str, in_order: bool, write: bool, **options: Any) -> None:
    """Print, as YAML, the Argo Workflow that runs JOB, a built-in job (wordcount) or a Python file.

    \b
    fanfold render wordcount --input s3://texts/ --output s3://counts/ --s3-secret fanfold-s3
    fanfold render job.py --input file:///data/texts/ --output file:///data/counts/ --claim fanfold-data

    The pods must be able to reach every PLACE, and so must this machine, to measure the input. A Workflow reads its
    job from OUTPUT/_job, which only --write creates:

    \b
    fanfold render wordcount … --write | kubectl create -f -
    """

    def print_workflow() -> int:
        with spooled(options["inputs"], local=False):  # which refuses pipes
            asked = requested(job, options["requirements"])
            use_here(asked)
            compiled = resolve(job, options["include"]).with_params(options["params"])
            compiled = with_packages(compiled, asked, target_of(options))
            return _print(compiled, options, in_order=in_order, write=write)

    run_and_exit(print_workflow)


def _print(compiled: CompiledJob, options: dict[str, Any], *, in_order: bool, write: bool) -> int:
    from fanfold.engines.argo.workflow import build  # Hera takes half a second

    run = _plan(compiled, options, in_order=in_order)
    workflow = build(run.plan, pod_settings(options), in_order=in_order).to_yaml(allow_unicode=True)
    if write:
        start_or_resume(run, compiled)
    click.echo(workflow, nl=False)
    return Exit.DONE


def _plan(compiled: CompiledJob, options: dict[str, Any], *, in_order: bool) -> PlannedRun:
    inputs = inputs_of(compiled.spec, options["inputs"])
    output, sizing = folder_url(options["output"]), sizing_of(options)
    run = plan_run(compiled, inputs, output, sizing, "argo")
    if in_order and "all" in run.plan.conf.workers:  # one pod would do everything, so there would be no steps to show
        return plan_run(compiled, inputs, output, replace(sizing, workers=1), "argo")
    return run
