"""`fanfold render JOB`: print the Argo Workflow that runs a job, or write what runs it into files for Git."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold.dependencies.here import use_here, with_packages
from fanfold.dependencies.requirements import requirements_of
from fanfold.foreground.options import (
    INCLUDE_OPTION,
    JOB,
    PACKAGE_OPTIONS,
    PARAM_OPTION,
    POD_OPTIONS,
    SIZING_OPTIONS,
    place_options,
)
from fanfold.foreground.pipes import spooled
from fanfold.foreground.places import folder_url, inputs_of
from fanfold.foreground.request import pod_settings, sizing_of, target_of
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.standalone import PlannedRun, plan_run, start_or_resume
from fanfold.resolve import resolve
from fanfold.terminal.errors import Exit, run_and_exit

if TYPE_CHECKING:  # Hera takes half a second
    from fanfold.definitions.workflows import Workflow

_DEFINITION_OPTIONS = [
    click.Option(
        ["--plan", "when"],
        type=click.Choice(["now", "later"]),
        help="Measure the input now, or let the first pod do it.  [default: now; later with --template and --cron]",
    ),
    click.Option(["--name"], metavar="NAME", help="The Workflow's or CronWorkflow's name.  [default: the job's]"),
    click.Option(["--template"], metavar="NAME", help="A WorkflowTemplate whose parameters are the job's places."),
    click.Option(
        ["--cron", "schedules"], multiple=True, metavar="SCHEDULE", help="A CronWorkflow: '0 3 * * *'. Repeatable."
    ),
    click.Option(["--timezone"], metavar="ZONE", help="Of --cron, such as Europe/Berlin.  [default: Argo's]"),
    click.Option(["--bundles"], metavar="URL", help="Copy the job's code to this folder, where the pods fetch it."),
    click.Option(["--store"], metavar="URL", help="A service's storage, so that the service can list the job."),
    click.Option(["--owner"], metavar="ID", help="Of --store: the user who may see the job, besides admins."),
    click.Option(
        ["--output-dir"], type=click.Path(file_okay=False), metavar="DIR", help="Write a file for each object."
    ),
]

_OPTIONS: list[click.Parameter] = [
    *place_options(required=False),
    click.Option(["--workers"], type=click.IntRange(min=1), help="Map pods (default: by input size; later: 1)."),
    *SIZING_OPTIONS,
    click.Option(["--in-order"], is_flag=True, help="Make split, map and reduce wait for each other in Argo, too."),
    PARAM_OPTION,
    INCLUDE_OPTION,
    *PACKAGE_OPTIONS,
    *POD_OPTIONS,
    *_DEFINITION_OPTIONS,
    click.Option(["--write"], is_flag=True, help="Also write job.json and the code, so that the Workflow can run."),
]
_ONLY_LATER = ("name", "bundles", "store", "owner")


@click.command(params=[JOB, *_OPTIONS], short_help="Print a job's Argo Workflow.")
def render(job: str, **options: Any) -> None:
    """Print, as YAML, the Argo Workflow that runs JOB, a built-in job (wordcount) or a Python file.

    \b
    fanfold render wordcount --input s3://texts/ --output s3://counts/ --s3-secret fanfold-s3
    fanfold render job.py --input file:///data/texts/ --output file:///data/counts/ --claim fanfold-data

    The pods must be able to reach every PLACE, and so must this machine, to measure the input. A Workflow reads its
    job from OUTPUT/_job, which only --write creates:

    \b
    fanfold render wordcount … --write | kubectl create -f -

    With --plan later the Workflow plans itself: it sees the data only when it runs, any number of times.

    \b
    fanfold render wordcount --template word-counts --s3-secret fanfold-s3 --output-dir deploy/
    fanfold render wordcount --cron '0 3 * * *' --input s3://texts/ --output 's3://counts/{{workflow.scheduledTime}}/' …
    """
    later = options["when"] == "later" or bool(options["template"] or options["schedules"])
    _check(options, later=later)

    def print_workflow() -> int:
        with spooled(options["inputs"], local=False):  # which refuses pipes
            asked = requirements_of(job, options["requirements"])
            use_here(asked)
            compiled = with_packages(resolve(job, options["include"]), asked, target_of(options))
            _print(_defined(compiled, options) if later else [_planned(compiled, options)], options["output_dir"])
        return Exit.DONE

    run_and_exit(print_workflow)


def _check(options: Mapping[str, Any], *, later: bool) -> None:
    """Raise click.UsageError if options contradict each other, or one is missing."""
    if later and options["when"] == "now":
        raise click.UsageError("--template and --cron plan later: leave out --plan now")
    if later and options["write"]:
        raise click.UsageError("--write is for Workflows that are planned now: leave it out, or use --plan now")
    if options["timezone"] and not options["schedules"]:
        raise click.UsageError("--timezone only applies to schedules: add --cron")
    if given := [name for name in _ONLY_LATER if options[name] and not later]:
        raise click.UsageError(f"--{given[0]} only applies to Workflows that plan themselves: add --plan later")
    if options["template"] and not options["schedules"]:
        if options["name"]:
            raise click.UsageError("--name has no effect on a WorkflowTemplate, which --template names: leave it out")
        return  # its places can be given when it is submitted
    for name, option in (("inputs", "--input"), ("output", "--output")):
        if not options[name]:
            raise click.UsageError(f"Missing option '{option}'.")


def _print(objects: "list[Workflow]", folder: str | None) -> None:
    """Print the objects, or write each to a file of the folder, whose name follows from what it is called."""
    from fanfold.definitions.job import slug

    texts = [one.to_yaml(allow_unicode=True) for one in objects]
    if folder is None:
        click.echo("---\n".join(texts), nl=False)
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for one, text in zip(objects, texts, strict=True):
        title = (one.annotations or {})["workflows.argoproj.io/title"]
        name = title.partition(" ")[0] if one.kind == "Workflow" else one.name  # that of a Workflow may be its job's id
        path = Path(folder) / f"{str(one.kind).lower()}-{slug(str(name))}.yaml"
        path.write_text(text, encoding="utf-8")
        click.echo(str(path))


def _planned(compiled: CompiledJob, options: Mapping[str, Any]) -> "Workflow":
    """The Workflow of a job that is planned now."""
    from fanfold.engines.argo.workflow import build

    compiled, in_order = compiled.with_params(options["params"]), options["in_order"]
    run = _plan(compiled, options, in_order=in_order)
    workflow = build(run.plan, pod_settings(options), in_order=in_order)
    if options["write"]:
        start_or_resume(run, compiled)
    return workflow


def _plan(compiled: CompiledJob, options: Mapping[str, Any], *, in_order: bool) -> PlannedRun:
    inputs = inputs_of(compiled.spec, options["inputs"])
    output, sizing = folder_url(options["output"]), sizing_of(options)
    run = plan_run(compiled, inputs, output, sizing, "argo")
    if in_order and "all" in run.plan.conf.workers:  # one pod would do everything, so there would be no steps to show
        return plan_run(compiled, inputs, output, replace(sizing, workers=1), "argo")
    return run


def _defined(compiled: CompiledJob, options: Mapping[str, Any]) -> "list[Workflow]":
    """The objects of a job that plans itself."""
    from fanfold.definitions.job import defined, slug
    from fanfold.definitions.workflows import cron_workflow, workflow, workflow_template
    from fanfold.foreground.definitions import job_options, places_of

    template, schedules = options["template"], options["schedules"]
    inputs, output = places_of(compiled.spec, options)
    given = job_options(compiled, options)
    job = defined(compiled, inputs, output, given, is_open=bool(template))
    name = options["name"]
    objects: list[Workflow] = [workflow_template(job, name=template)] if template else []
    if schedules:
        times = {"schedules": schedules, "timezone": options["timezone"], "template": template}
        objects.append(cron_workflow(job, name=name or slug(compiled.spec.name), **times))
    return objects or [workflow(job, name=name)]
