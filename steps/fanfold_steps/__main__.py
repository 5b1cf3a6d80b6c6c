"""`python -m fanfold_steps STEP --job URL --index N`: one worker of a job, as engines start it.

Exit status: 0 the step is committed; 64 the job failed for good (others see it too); 66 there is no such job;
1 the store was away or the worker broke: starting it again goes on from what is committed; 2 wrong usage.
"""

import argparse
import os
import signal
import sys
import threading

from fanfold_steps import exits
from fanfold_steps.allocation import allocate_for_work
from fanfold_steps.failure import PermanentFailure
from fanfold_steps.frames import THREADS
from fanfold_steps.limits import limit_memory
from fanfold_steps.report import Reporter
from fanfold_steps.tree import JobTree
from fanfold_steps.worker import STEPS, Worker
from fanfold_storage.errors import NotFound, StorageError


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; returns the exit status."""
    options = _parser().parse_args(arguments)
    os.environ.update({**THREADS, **os.environ})
    sys.set_int_max_str_digits(0)  # a sum may have any number of digits
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    tree = JobTree.open(options.job)
    name = f"{options.step}-{options.index}"
    try:
        worker = Worker(tree, options.step, options.index)
    except NotFound:
        print(f"fanfold: {name}: there is no job at {options.job} (no job.json)", file=sys.stderr)
        return exits.NO_JOB
    limit_memory(worker.budget.share)
    allocate_for_work(worker.budget.share)
    try:
        worker.run()
    except PermanentFailure as failure:
        Reporter(name).failed(tree.failure() or failure.to_json())
        return exits.FAILED
    except StorageError as error:
        print(f"fanfold: {name}: {error}", file=sys.stderr)
        return exits.STORE_AWAY
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanfold_steps", description="One worker of a Fanfold job.")
    parser.add_argument("step", choices=STEPS, help="what to work on; a worker also does what its step waits for")
    parser.add_argument("--job", required=True, metavar="URL", help="the job's tree: file:///…/ or s3://bucket/…/")
    parser.add_argument("--index", type=int, default=0, metavar="N", help="which of the step's workers this is")
    parser.add_argument("--end-with-stdin", action="store_true", help="leave when standard input closes")
    return parser


def _end_with_stdin() -> None:
    """The engine holds the other end: when it dies, however, its workers must not go on."""
    while os.read(0, 1024):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what the user's code started
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
