"""`python -m fanfold_steps STEP --job URL --index N`: one worker of a job, as engines start it.

Without `--job`, the variable FANFOLD_DEFINITION says what the job is, and other options are the parameters with which a
Workflow runs it: the first worker plans.

Exit status: 0 the step is committed; 64 the job failed permanently (other workers see it, too); 66 there is no such
job; 1 the store was unavailable or the worker crashed: starting it again resumes from what is committed; 2 wrong usage.
"""

import argparse
import os
import signal
import sys
import threading

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.formats.polars_import import ALLOCATOR, THREADS, allocator_settings
from fanfold_steps.memory.allocation import allocate_for_work
from fanfold_steps.memory.process import limit_memory
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.left import leave
from fanfold_steps.worker import exits
from fanfold_steps.worker.descendants import adopt_orphans, end_below
from fanfold_steps.worker.loop import STAGE, STEPS, Worker
from fanfold_steps.worker.report import Reporter
from fanfold_storage.errors import NotFound, StorageError


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; returns the exit status. With `--end-with-stdin` nothing that its tasks started outlives it."""
    options = _parser().parse_args(arguments)
    if not options.end_with_stdin:
        return _work(options)
    adopt_orphans()
    threading.Thread(target=_exit_with_engine, args=(_take_stdin(),), daemon=True).start()
    try:
        return _work(options)
    finally:
        end_below(os.getpid())


def _work(options: argparse.Namespace) -> int:
    sys.set_int_max_str_digits(0)  # a sum may have any number of digits
    name = f"{options.step}-{options.index}"
    try:
        tree = JobTree.open(options.job, within_boot=options.within_boot) if options.job else _begun(options, name)
        if not options.job and tree.report():
            return 0
        worker = Worker(tree, options.step, options.index, in_order=options.in_order)
    except NotFound:
        print(f"fanfold: {name}: there is no job at {options.job} (no job.json)", file=sys.stderr)
        return exits.NO_JOB
    except PermanentFailure as failure:  # of a job that can't begin, or that another version has begun
        Reporter(name).failed(Failure.of(failure))
        return exits.FAILED
    except StorageError as error:
        print(f"fanfold: {name}: {error}", file=sys.stderr)
        return exits.STORE_AWAY
    os.environ.setdefault(THREADS, str(worker.threads))
    if worker.threads == 1:
        os.environ[ALLOCATOR] = allocator_settings(worker.budget.share)
    limit_memory(worker.budget.share)
    allocate_for_work(worker.budget.share)
    try:
        worker.run()
    except PermanentFailure as failure:
        leave(tree, name)
        worker.reporter.failed(tree.failure() or Failure.of(failure))
        return exits.FAILED
    except StorageError as error:
        print(f"fanfold: {name}: {error}", file=sys.stderr)
        return exits.STORE_AWAY
    if not options.job:
        _tidy(tree, name)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanfold_steps", description="One worker of a Fanfold job.")
    parser.add_argument("step", type=_step, help="what to work on; a worker also does the steps before it")
    parser.add_argument("--job", metavar="URL", help="the job's tree: file:///…/ or s3://bucket/…/")
    parser.add_argument("--index", type=int, default=0, metavar="N", help="which of the step's workers this is")
    parser.add_argument("--end-with-stdin", action="store_true", help="exit when standard input is closed")
    parser.add_argument("--within-boot", action="store_true", help="commits count until the machine crashes")
    parser.add_argument("--in-order", action="store_true", help="leave the steps after STEP to their own workers")
    definition = parser.add_argument_group("a job that plans itself", "The variable FANFOLD_DEFINITION says what.")
    definition.add_argument("--workflow", default="", metavar="NAMESPACE/NAME/UID", help="the Workflow")
    definition.add_argument("--created", default="", metavar="SECONDS", help="when the Workflow was created")
    definition.add_argument("--input", action="append", default=[], metavar="[NAME=]URLS", help="an input")
    definition.add_argument("--output", default="", metavar="URL", help="the folder for the parts")
    definition.add_argument("--partitions", default="auto", metavar="N", help="parts of the output")
    definition.add_argument("--workers", default="1", metavar="N", help="map pods")
    definition.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the job")
    return parser


def _begun(options: argparse.Namespace, name: str) -> JobTree:
    """The tree of a job that plans itself. Raises PermanentFailure, StorageError."""
    from fanfold_steps.definition.begin import begin  # which other workers start without
    from fanfold_steps.definition.definition import VARIABLE, Arguments, Definition

    definition = Definition.from_text(os.environ.get(VARIABLE, ""))
    arguments = Arguments(
        workflow=options.workflow,
        created=options.created,
        inputs=options.input,
        output=options.output,
        partitions=options.partitions,
        workers=options.workers,
        params=options.param,
    )
    return begin(definition, arguments, name)


def _tidy(tree: JobTree, name: str) -> None:
    from fanfold_steps.definition.tidy import tidy

    tidy(tree, name)


def _step(text: str) -> str:
    if text not in STEPS and not STAGE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(STEPS)} and stage-N, not {text!r}")
    return text


def _take_stdin() -> int:
    """Move standard input to another descriptor, which children don't inherit; whatever else reads it gets its end.

    Otherwise `input()`, a debugger, or a program that user code starts would wait forever for input.
    """
    stdin, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return stdin


def _exit_with_engine(stdin: int) -> None:
    """Exit when the engine, which holds the other end, dies in whatever way: its workers must not keep running."""
    while os.read(stdin, 1024):
        pass
    end_below(os.getpid())
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what the user's code started
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
