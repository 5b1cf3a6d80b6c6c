"""Run a job to its end: plan it, start workers, show progress, report the result."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from fanfold.engines.local.engine import LocalEngine
from fanfold.engines.local.environ import of_ones_own_job
from fanfold.engines.protocol import Engine, Handle, Phase
from fanfold.errors import JobFailed, OutputTaken, Refused
from fanfold.foreground.pipes import spooled
from fanfold.foreground.request import RunRequest
from fanfold.planning.compiled import CompiledJob
from fanfold.planning.demand import secrets_of, without_effect_here
from fanfold.planning.planner import PlannedJob
from fanfold.planning.sizing import Sizing
from fanfold.planning.standalone import PlannedRun, finalize, lock_output, plan_run, start_or_resume
from fanfold.terminal.console import quantity, result, say, size
from fanfold.terminal.counted import told
from fanfold.terminal.display import Display
from fanfold.terminal.errors import Exit
from fanfold.terminal.steps import StepProgress, with_status
from fanfold_steps.inputs.splits import UnsplitFile
from fanfold_steps.job.spec import JobConf
from fanfold_steps.outputs.quarantine import BAD_RECORDS
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.progress import Progress, ProgressReader
from fanfold_steps.tree.report import Report
from fanfold_steps.worker.claims import HEARTBEAT_SECONDS

POLL_SECONDS = 0.1
MOST_FILES_NAMED = 3  # of those that can't be split


def run_with_options(compiled: CompiledJob, options: Mapping[str, Any]) -> int:
    """Run a job as the values of `RUN_OPTIONS` ask for it; returns the exit status."""
    with requested(compiled, options) as request:
        return run_to_end(compiled.with_params(options["params"]), request)


@contextmanager
def requested(compiled: CompiledJob, options: Mapping[str, Any]) -> Iterator[RunRequest]:
    """The request that the values of `RUN_OPTIONS` make for a job. Copies of pipes among its inputs last as long.

    Raises:
        Refused, InvalidInputs, InvalidCommand, click.UsageError: the job can't run as they ask.
    """
    local = options["on"] == "local"
    compiled.check_programs(local=local)
    if compiled.demand and not local:
        say(compiled.demand)
    if local:
        _check_secrets(compiled)
        for note in without_effect_here(compiled.spec):
            say(note)
    with spooled(options["inputs"], local=local) as inputs:
        yield RunRequest.from_options(compiled.spec, {**options, "inputs": inputs})


def _check_secrets(compiled: CompiledJob) -> None:
    """See that variables that come from Secrets are in this process's environment. Raises Refused."""
    for name, secret in secrets_of(compiled.spec).items():
        if name not in os.environ:
            raise Refused(f"the variable {name} comes from the Secret {secret}, and there are none here: set {name}")


def run_to_end(compiled: CompiledJob, request: RunRequest) -> int:
    """Run a job for a command, whose process ends with it; returns the exit status. Raises as `complete`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left behind then, either
    complete(compiled, request)
    return Exit.DONE


def complete(compiled: CompiledJob, request: RunRequest) -> Report:
    """Run a job to its end, print what came of it, and return the report.

    Raises:
        Refused: the job can't run as asked.
        JobFailed: it ran and failed.
        KeyboardInterrupt: Ctrl-C or, in a command, SIGTERM; its text says how to go on.
    """
    with lock_output(request.output):
        started = time.monotonic()
        engine = open_engine(request)
        run = _plan(compiled, request, engine.name)
        plan = start_or_resume(run, compiled)
        for warning in _ignored_options(request.sizing, run.plan.conf, plan.conf):
            say(warning)
        progress = _drive(engine, plan, run.tree, request)
        if progress.report is None:
            raise JobFailed(progress.failure or Failure("no reason is known"))
        finalize(run, keep=request.keep, seconds=round(time.monotonic() - started, 3))
        _print_result(progress.report, request, time.monotonic() - started)
    return progress.report


def open_engine(request: RunRequest) -> Engine:
    """The engine that the request asks for. Raises EngineError: no cluster is configured."""
    if request.pods is None:
        return LocalEngine(of_ones_own_job(os.environ))
    from fanfold.engines.argo.engine import ArgoEngine  # loads Hera and the Kubernetes client

    return ArgoEngine(request.pods)


def _plan(compiled: CompiledJob, request: RunRequest, engine: str) -> PlannedRun:
    try:
        return plan_run(compiled, request.inputs, request.output, request.sizing, engine, overwrite=request.overwrite)
    except OutputTaken as error:
        mend = "overwrite=True" if request.in_python else "--overwrite"
        raise OutputTaken(f"{error}, or replace an earlier job's output with {mend}") from error


def _ignored_options(given: Sizing, asked: JobConf, started: JobConf) -> Iterator[str]:
    """A sentence for each option that has no effect."""
    reduced = [stage for stage in started.spec.stages if stage.reduce is not None]
    if given.partitions and all(stage.partitions for stage in reduced):
        why = "every reducer sets its own number" if reduced else "a job without a reducer writes one part per split"
        yield f"--partitions {given.partitions} has no effect: {why}"
    fields = ("split_size", "memory", "workers")
    kept = [name for name in fields if getattr(given, name) and getattr(asked, name) != getattr(started, name)]
    if kept:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in kept)
        yield f"{options}: no effect, because this resumes a run that was started with other values"


def _drive(engine: Engine, plan: PlannedJob, tree: JobTree, request: RunRequest) -> Progress:
    """Start the workers, and show the progress that the tree holds until they have exited.

    Once the tree says how the job ended, local workers aren't waited for: closing the engine ends them. Pods are, since
    they read the tree until they exit.

    Raises:
        EngineError, StorageError: the engine or the store of the tree is unavailable.
        KeyboardInterrupt: with a message that says how to resume.
    """
    reader, steps, warned = ProgressReader(tree), StepProgress(), False
    status, next_status = "", time.monotonic()
    quiet = request.quiet or request.json
    try:
        if (progress := reader.read()).state == "succeeded":  # an earlier run did everything but the clean-up
            return progress
        handle = engine.submit(plan)
        with Display(quiet=quiet) as display:
            while True:
                workers = engine.observe(handle)
                ended = workers.phase is not Phase.ACTIVE or workers.hopeless
                progress = reader.read()
                if progress.stages and not warned:
                    warned = True
                    for warning in _unsplittable(reader.unsplit_files()):
                        display.say(warning)
                if time.monotonic() > next_status:  # it changes with the workers' heartbeats
                    status, next_status = reader.status(), time.monotonic() + HEARTBEAT_SECONDS
                display.show(with_status(steps.lines(list(map(asdict, progress.stages))), status))
                if ended or (engine.name == "local" and progress.state in ("succeeded", "failed")):
                    return _final(progress, engine, handle)
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        message = _how_to_go_on(engine, request)
        say(message)
        raise KeyboardInterrupt(message) from None
    finally:
        _close(engine)


def _how_to_go_on(engine: Engine, request: RunRequest) -> str:
    """What whoever interrupted the job is told."""
    again = f"{'call run() with the same arguments' if request.in_python else 'run the same command'} again to resume"
    if engine.name != "local":
        return f"the pods keep running: {again} and follow them"
    return "stopped" if request.is_temporary else f"stopped: {again}"


def _close(engine: Engine) -> None:
    """Close the engine, even if Ctrl-C is pressed again meanwhile: in a notebook, workers would outlive the call."""
    try:
        engine.close()
    except KeyboardInterrupt:
        engine.close()
        raise


def _unsplittable(files: list[UnsplitFile]) -> Iterator[str]:
    """A sentence for each file that keeps one worker busy for long, though others may have nothing to do."""
    for file in files[:MOST_FILES_NAMED]:
        yield f"{file.url} ({size(file.size)}) can't be split, so one worker reads all of it: {file.why}"
    if len(files) > MOST_FILES_NAMED:
        yield f"and {len(files) - MOST_FILES_NAMED} more such files"


def _final(progress: Progress, engine: Engine, handle: Handle) -> Progress:
    if progress.state in ("succeeded", "failed"):
        return progress
    workers = engine.observe(handle)
    if workers.phase is Phase.ACTIVE:
        engine.cancel(handle)
    message = workers.message or "the workers left without giving a reason"
    return Progress("failed", progress.stages, Failure(f"{message}{progress.place}"))


def _print_result(report: Report, request: RunRequest, seconds: float) -> None:
    if request.json:
        result(json.dumps({**report.to_json(), "output": request.output, "seconds": round(seconds, 3)}))
        return
    if request.quiet:
        return
    for line in told(report.counters, report.skipped or 0, f"see {request.output}{BAD_RECORDS}"):
        say(line)
    parts = f"{quantity(report.records, 'record')} in {quantity(len(report.parts), 'part')}"
    say(f"done in {seconds:.1f} s: {parts} ({quantity(report.bytes, 'byte')}) in {request.output}")
    for name, output in report.outputs.items():
        say(f"{name}: {quantity(output.records, 'record')} in {request.output}{name}/")
