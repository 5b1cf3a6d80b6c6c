"""`fanfold render JOB`: print the Argo Workflow that runs a job."""

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import click

from fanfold import planner
from fanfold.authored import Authored, resolve
from fanfold.planner import Places, Plan, Sizing
from fanfold.verbs.errors import Exit, run_and_exit
from fanfold.verbs.options import Size, place_url
from fanfold_steps.tree import JobTree

if TYPE_CHECKING:
    from fanfold.pods import PodSettings


@click.command(short_help="Print a job's Argo Workflow.")
@click.argument("job")
@click.option("--input", "inputs", multiple=True, required=True, metavar="PLACE", help="File or folder; repeatable.")
@click.option("--output", required=True, metavar="PLACE", help="Folder for the parts; must not exist.")
@click.option("--workers", type=click.IntRange(1, 1000), help="Pods for map (by the input's size).")
@click.option("--partitions", type=click.IntRange(1, 10_000), help="Parts of the output (by the input's size).")
@click.option("--split-size", type=Size(), help="Input per map task, as 64KiB or 16MiB (by the input's size).")
@click.option("--in-order", is_flag=True, help="Let split, map and reduce wait for each other in Argo too.")
@click.option("--namespace", default="fanfold", show_default=True, help="Where the pods run.")
@click.option("--image", help="The steps image  [default: fanfold-steps of this version]")
@click.option("--claim", metavar="NAME[:PATH]", help="The PersistentVolumeClaim that pods see at PATH (/data).")
@click.option("--s3-secret", metavar="NAME", help="The Secret with the key to s3://… places.")
@click.option("--s3-endpoint", metavar="URL", envvar="AWS_ENDPOINT_URL", help="The S3 server  [env: AWS_ENDPOINT_URL]")
@click.option("--s3-region", metavar="NAME", envvar="AWS_REGION", help="Its region  [env: AWS_REGION]")
@click.option("--write", is_flag=True, help="Also write job.json and the code, so that the Workflow can be created.")
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
    run_and_exit(lambda: _print(resolve(job), options, in_order=in_order, write=write))


def _print(authored: Authored, options: dict[str, Any], *, in_order: bool, write: bool) -> int:
    from fanfold.workflow import build  # Hera takes half a second

    plan = _plan(authored, options, in_order=in_order)
    workflow = build(plan, _pods(options), in_order=in_order).to_yaml(allow_unicode=True)
    if write:
        _write(plan, authored)
    click.echo(workflow, nl=False)
    return Exit.DONE


def _plan(authored: Authored, options: dict[str, Any], *, in_order: bool) -> Plan:
    """The plan of a job that lies in OUTPUT/_job; the same command makes the same Workflow's name."""
    output = place_url(options["output"]).rstrip("/") + "/"
    job_url = f"{output}_job/"
    places = Places(
        inputs=[place_url(place) for place in options["inputs"]],
        output=output,
        job=job_url,
        bundle=f"{job_url}bundle.zip" if authored.bundle else None,
    )
    sizing = Sizing(options["partitions"], options["split_size"], options["workers"])
    draft = planner.plan(authored.spec, places, sizing, job_id="", owner="local", engine="argo")
    if in_order and "all" in draft.conf.workers:  # so small that one pod would do everything: nothing to show
        sizing = replace(sizing, workers=1)
        draft = planner.plan(authored.spec, places, sizing, job_id="", owner="local", engine="argo")
    return replace(draft, conf=replace(draft.conf, id=draft.fingerprint[:20]))


def _pods(options: dict[str, Any]) -> "PodSettings":
    from fanfold.pods import PodSettings

    claim, _, mount = (options["claim"] or "").partition(":")
    return PodSettings(
        namespace=options["namespace"],
        image=options["image"] or f"fanfold-steps:{version('fanfold')}",
        claim=claim or None,
        mount=mount.rstrip("/") or "/data",
        s3_secret=options["s3_secret"],
        s3_endpoint=options["s3_endpoint"] if options["s3_secret"] else None,
        s3_region=options["s3_region"] if options["s3_secret"] else None,
    )


def _write(plan: Plan, authored: Authored) -> None:
    """Write what the Workflow's workers read."""
    planner.write(plan)
    if authored.bundle:
        JobTree.open(plan.job_url).objects.put("bundle.zip", [authored.bundle.data])
