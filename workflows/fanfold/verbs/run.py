"""`fanfold run JOB`: run a job in the foreground, without services: on this machine, or as pods."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fanfold import builtin
from fanfold.authored import Authored, compile_job, resolve
from fanfold.engines.local import LocalEngine
from fanfold.engines.protocol import Engine, Handle, Phase
from fanfold.job import Job
from fanfold.planner import OutputTaken, PlannedJob, Sizing
from fanfold.standalone import Draft, alone, draft, settle, take_up
from fanfold.verbs.console import counted, say, size
from fanfold.verbs.errors import Exit, JobFailed, run_and_exit
from fanfold.verbs.options import (
    PARAM_OPTION,
    PLACE_OPTIONS,
    POD_NAMES,
    POD_OPTIONS,
    SIZING_OPTIONS,
    decorated,
    inputs_of,
    place_url,
    pod_settings,
)
from fanfold.verbs.progress import Display
from fanfold.verbs.steps import Picture, with_words
from fanfold_steps.claims import BEAT_SECONDS
from fanfold_steps.inputs import Whole
from fanfold_steps.progress import Progress, ProgressReader
from fanfold_steps.quarantine import BAD_RECORDS
from fanfold_steps.spec import Inputs, JobConf, JobSpec
from fanfold_steps.tree import JobTree

if TYPE_CHECKING:
    from fanfold.pods import PodSettings

LOOK_SECONDS = 0.1
MOST_TOLD = 3  # files of which something is said


@dataclass(frozen=True, slots=True)
class Request:
    """What the options ask for; `pods` only with `--on argo`."""

    pods: "PodSettings | None"
    inputs: Inputs
    output: str
    sizing: Sizing
    keep: bool
    overwrite: bool
    json: bool
    quiet: bool


_OPTIONS = [
    *PLACE_OPTIONS,
    click.option("--on", type=click.Choice(["local", "argo"]), default="local", show_default=True, help="Where to."),
    click.option("--workers", type=click.IntRange(min=1), help="Processes (as many as cores), or pods for map."),
    *SIZING_OPTIONS,
    PARAM_OPTION,
    click.option("--overwrite", is_flag=True, help="Replace a job's old output, once the new one is whole."),
    click.option("--keep", is_flag=True, help="Keep the job's tree in OUTPUT/_job afterwards."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    click.option("--quiet", is_flag=True, help="Show no progress."),
    *POD_OPTIONS,
]


def _builtins() -> str:
    """The built-in jobs with a line each, for the end of the help."""
    lines = [f"  {name:<10} {builtin.summary(name)}" for name in builtin.names()]
    return "\b\n" + "\n".join(["Built-in jobs:", *lines])


class _Run(click.Command):
    """`run NAME --help` tells of the built-in job, `run --help` of the command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for the two before the options are read."""
        if {"-h", "--help"}.intersection(args) and (named := set(args).intersection(builtin.names())):
            click.echo(builtin.explained(named.pop()))
            ctx.exit()
        return super().parse_args(ctx, args)


@click.command(cls=_Run, short_help="Run a job on this machine.", epilog=_builtins())
@click.argument("job")
@partial(decorated, options=_OPTIONS)
def run(job: str, **options: Any) -> None:
    """Run JOB, a built-in job or a Python file, on this machine or, without the services, on a cluster.

    \b
    fanfold run wordcount --input texts/ --output counts/
    fanfold run wordcount.py --input a.txt --input b.txt --output counts/ --workers 4
    fanfold run wordcount --on argo --s3-secret fanfold-s3 --input s3://texts/ --output s3://counts/

    Interrupted, the same command goes on from what is done. With --on argo the pods, and this machine too, must see
    every PLACE; KUBECONFIG names the cluster.
    """
    run_and_exit(lambda: carry_out(resolve(job), options))


def main_of(job: Job) -> None:
    """The command that a job's own script is: `run` without JOB."""

    @click.command(help=f"Run the job {job.spec().name}.")
    @partial(decorated, options=_OPTIONS)
    def command(**options: Any) -> None:
        run_and_exit(lambda: carry_out(compile_job(job), options))

    command(prog_name=Path(sys.argv[0]).name)


def carry_out(authored: Authored, options: dict[str, Any]) -> int:
    """Run a job as a command's options say; returns the exit status."""
    authored.look_for_programs(here=options["on"] == "local")
    return execute(authored.given(options["params"]), _request(authored.spec, **options))


def _request(spec: JobSpec, **options: Any) -> Request:
    given = [name for name in POD_NAMES if options[name] is not None]
    if options["on"] == "local" and given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} is about pods: it goes with --on argo")
    pods = pod_settings(options) if options["on"] == "argo" else None
    sizing = Sizing(options["partitions"], options["split_size"], options["workers"], options["memory"])
    inputs = inputs_of(spec, options["inputs"])
    output = place_url(options["output"]).rstrip("/") + "/"
    flags = {name: options[name] for name in ("keep", "overwrite", "quiet")}
    return Request(pods, inputs, output, sizing, json=options["as_json"], **flags)


def execute(authored: Authored, request: Request) -> int:
    """Plan, start workers, show progress, tell the result; returns the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing behind then, either
    with alone(request.output):
        return _execute(authored, request)


def _execute(authored: Authored, request: Request) -> int:
    started = time.monotonic()
    engine = _engine(request)
    drafted = _draft(authored, request, engine.name)
    plan = take_up(drafted, authored)
    for line in _not_followed(request.sizing, drafted.plan.conf, plan.conf):
        say(line)
    progress = _drive(engine, plan, drafted.tree, request)
    if progress.report is None:
        raise JobFailed(progress.failure or {"message": "no reason is known"})
    settle(drafted, keep=request.keep)
    _tell(progress.report, request, time.monotonic() - started)
    return Exit.DONE


def _draft(authored: Authored, request: Request, engine: str) -> Draft:
    try:
        return draft(authored, request.inputs, request.output, request.sizing, engine, overwrite=request.overwrite)
    except OutputTaken as taken:
        raise OutputTaken(f"{taken}, or replace a job's output with --overwrite") from taken


def _not_followed(given: Sizing, asked: JobConf, begun: JobConf) -> Iterator[str]:
    """What of the options has no effect, in words."""
    reduced = [stage for stage in begun.spec.stages if stage.reduce is not None]
    if given.partitions and all(stage.partitions for stage in reduced):
        why = "every reducer of the job has its own number" if reduced else "without a reducer there is a part a split"
        yield f"--partitions {given.partitions} has no effect: {why}"
    fields = ("split_size", "memory", "workers")
    kept = [name for name in fields if getattr(given, name) and getattr(asked, name) != getattr(begun, name)]
    if kept:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in kept)
        yield f"{options}: no effect, as this goes on with a run that was begun with another"


def _engine(request: Request) -> Engine:
    if request.pods is None:
        return LocalEngine()
    from fanfold.engines.argo import ArgoEngine  # loads Hera and the Kubernetes client

    return ArgoEngine(request.pods)


def _drive(engine: Engine, plan: PlannedJob, tree: JobTree, request: Request) -> Progress:
    """Start the workers and watch the tree until they have left (pods read it to the last) or, here, it is decided."""
    reader, picture, told = ProgressReader(tree), Picture(), False
    words, next_words = "", time.monotonic()
    try:
        if (progress := reader.read()).state == "succeeded":  # all but the clearing up was done before
            return progress
        handle = engine.submit(plan)
        with Display(quiet=request.quiet or request.json) as display:
            while True:
                ended = engine.observe(handle).phase is not Phase.ACTIVE
                progress = reader.read()
                if progress.stages and not told:
                    told = True
                    _tell_whole(reader.whole, request)
                if time.monotonic() > next_words:  # they change with the workers' beats
                    words, next_words = reader.words(), time.monotonic() + BEAT_SECONDS
                display.show(with_words(picture.lines(list(map(asdict, progress.stages))), words))
                if ended or (engine.name == "local" and progress.state in ("succeeded", "failed")):
                    return _final(progress, engine, handle)
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        what = (
            "stopped; the same command goes on"
            if engine.name == "local"
            else "the pods go on; so does the same command"
        )
        what = f"{what} from what is done"
        print(what, file=sys.stderr)
        raise KeyboardInterrupt(what) from None
    finally:
        engine.close()


def _tell_whole(files: list[Whole], request: Request) -> None:
    """What will take one worker long, though others may have nothing to do."""
    if request.quiet or request.json:
        return
    for file in files[:MOST_TOLD]:
        say(f"{file.url} ({size(file.size)}) can't be split, so one worker reads it all: {file.why}")
    if len(files) > MOST_TOLD:
        say(f"and {len(files) - MOST_TOLD} more such files")


def _final(progress: Progress, engine: Engine, handle: Handle) -> Progress:
    if progress.state in ("succeeded", "failed"):
        return progress
    message = engine.observe(handle).message or "the workers left without a word"
    return Progress("failed", progress.stages, {"message": message, "task": None, "record": None, "traceback": ""})


def _tell(report: dict[str, Any], request: Request, seconds: float) -> None:
    summary = {**report, "output": request.output, "seconds": round(seconds, 3)}
    if request.json:
        print(json.dumps(summary))
    elif not request.quiet:
        if skipped := report.get("skipped"):
            what = f"{counted(skipped, 'bad record')} {'was' if skipped == 1 else 'were'} skipped"
            print(f"{what}: see {request.output}{BAD_RECORDS}", file=sys.stderr)
        parts, records, written = len(report["parts"]), report["records"], report["bytes"]
        what = f"{counted(records, 'record')} in {counted(parts, 'part')} ({counted(written, 'byte')})"
        print(f"done in {seconds:.1f} s: {what} in {request.output}", file=sys.stderr)
        for name, output in report.get("outputs", {}).items():
            print(f"{name}: {counted(output['records'], 'record')} in {request.output}{name}/", file=sys.stderr)
