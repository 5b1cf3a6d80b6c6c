"""`fanfold run JOB`: run a job on this machine, in the foreground."""

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from fanfold import planner
from fanfold.authored import Authored, compile_job, resolve
from fanfold.engines.local import LocalEngine
from fanfold.engines.protocol import Handle, Phase
from fanfold.job import Job
from fanfold.planner import Places, Plan, Refused, Sizing
from fanfold.verbs.errors import Exit, run_and_exit
from fanfold.verbs.options import Size, place_url
from fanfold.verbs.progress import Display
from fanfold.verbs.steps import Picture
from fanfold_steps.finish import sweep
from fanfold_steps.progress import Progress, ProgressReader
from fanfold_steps.report import describe
from fanfold_steps.spec import JobConf
from fanfold_steps.tree import JobTree
from fanfold_storage.errors import NotFound
from fanfold_storage.urls import open_objects

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Request:
    """What the options ask for."""

    inputs: tuple[str, ...]
    output: str
    sizing: Sizing
    keep: bool
    json: bool
    quiet: bool


_OPTIONS = [
    click.option(
        "--input", "inputs", multiple=True, required=True, metavar="PLACE", help="File or folder; repeatable."
    ),
    click.option("--output", required=True, metavar="PLACE", help="Folder for the parts; must not exist."),
    click.option("--workers", type=click.IntRange(1, 1000), help="Processes (as many as cores)."),
    click.option("--partitions", type=click.IntRange(1, 10_000), help="Parts of the output (by the input's size)."),
    click.option("--split-size", type=Size(), help="Input per map task, as 64KiB or 16MiB (by the input's size)."),
    click.option("--keep", is_flag=True, help="Keep the job's tree in OUTPUT/_job afterwards."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    click.option("--quiet", is_flag=True, help="Show no progress."),
]


def _with_options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(short_help="Run a job on this machine.")
@click.argument("job")
@_with_options
def run(job: str, **options: Any) -> None:
    """Run JOB, a built-in job (wordcount) or a Python file, on this machine.

    \b
    fanfold run wordcount --input texts/ --output counts/
    fanfold run wordcount.py --input a.txt --input b.txt --output counts/ --workers 4

    Interrupted, the same command goes on from what is done.
    """
    run_and_exit(lambda: execute(resolve(job), _request(**options)))


def main_of(job: Job) -> None:
    """The command that a job's own script is: `run` without JOB."""

    @click.command(help=f"Run the job {job.spec().name} on this machine.")
    @_with_options
    def command(**options: Any) -> None:
        run_and_exit(lambda: execute(compile_job(job), _request(**options)))

    command(prog_name=Path(sys.argv[0]).name)


def _request(**options: Any) -> Request:
    sizing = Sizing(options["partitions"], options["split_size"], options["workers"])
    inputs = tuple(map(place_url, options["inputs"]))
    output = place_url(options["output"]).rstrip("/") + "/"
    return Request(inputs, output, sizing, options["keep"], options["as_json"], options["quiet"])


def execute(authored: Authored, request: Request) -> int:
    """Plan, start workers, show progress, tell the result; returns the exit status."""
    started = time.monotonic()
    plan = _prepare(authored, request)
    tree = JobTree.open(plan.job_url)
    progress = _drive(plan, tree, request)
    if progress.report is None:
        print(_why_failed(progress), file=sys.stderr)
        return Exit.FAILED
    sweep(plan.conf)
    if not request.keep:
        _remove_tree(tree, request.output)
    _tell(progress.report, request, time.monotonic() - started)
    return Exit.DONE


def _prepare(authored: Authored, request: Request) -> Plan:
    """A plan whose job lies in OUTPUT/_job: a new one, or the one that was interrupted there."""
    job_url = f"{request.output}_job/"
    bundle_url = f"{job_url}bundle.zip" if authored.bundle else None
    places = Places(request.inputs, request.output, job_url, bundle_url)
    draft = planner.plan(authored.spec, places, request.sizing, job_id="", owner="local", engine="local")
    identity = {**draft.conf.to_json(), "split_size": 0, "workers": {}}
    job_id = "run-" + hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    tree = JobTree.open(job_url)
    plan = Plan(replace(draft.conf, id=job_id), job_url, "local")
    if found := _unfinished(tree, job_id):
        return Plan(found, job_url, "local")
    if authored.bundle:
        tree.objects.put("bundle.zip", [authored.bundle.data])
    planner.write(plan)
    return plan


def _unfinished(tree: JobTree, job_id: str) -> JobConf | None:
    """What an interrupted run of the same job left, to go on with; a failed job's tree is cleared away."""
    failed = tree.find("failed.json") is not None
    try:
        conf = tree.conf()
    except NotFound:
        return None
    if conf.id == job_id:
        tree.objects.delete("failed.json")
        return conf
    if not failed:
        raise Refused(
            f"{conf.output} holds an unfinished run of another job, or of this one with other inputs or code: "
            "let that one end, remove the folder, or choose another output"
        )
    _remove_tree(tree, conf.output)
    return None


def _drive(plan: Plan, tree: JobTree, request: Request) -> Progress:
    """Start the workers and watch the tree until it is decided or nobody works on it any more."""
    engine, reader, picture = LocalEngine(), ProgressReader(tree), Picture()
    try:
        handle = engine.submit(plan)
        with Display(quiet=request.quiet or request.json) as display:
            while True:
                ended = engine.observe(handle).phase is not Phase.ACTIVE
                progress = reader.read()
                display.show(picture.lines([{"index": 0, "steps": list(map(asdict, progress.steps))}]))
                if ended or progress.state in ("succeeded", "failed"):
                    return _final(progress, engine, handle)
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from what is done", file=sys.stderr)
        raise
    finally:
        engine.close()


def _final(progress: Progress, engine: LocalEngine, handle: Handle) -> Progress:
    if progress.state in ("succeeded", "failed"):
        return progress
    message = engine.observe(handle).message or "the workers left without a word"
    return Progress("failed", progress.steps, {"message": message, "task": None, "record": None, "traceback": ""})


def _why_failed(progress: Progress) -> str:
    return f"fanfold: the job failed: {describe(progress.failure or {})}"


def _tell(report: dict[str, Any], request: Request, seconds: float) -> None:
    summary = {**report, "output": request.output, "seconds": round(seconds, 3), "counters": {}}
    if request.json:
        print(json.dumps(summary))
    elif not request.quiet:
        parts, records, size = len(report["parts"]), report["records"], report["bytes"]
        what = f"{records:,} records in {parts} part{'s' if parts > 1 else ''} ({size:,} bytes)"
        print(f"done in {seconds:.1f} s: {what} in {request.output}", file=sys.stderr)


def _remove_tree(tree: JobTree, output: str) -> None:
    tree.objects.sweep()
    store = open_objects(output)  # deleting as the output's keys takes the emptied folder `_job` with the last one
    for stat in list(store.list("_job/")):
        store.delete(stat.key)
