"""Exit statuses, the same for every verb, and the one place where an exception becomes a message and a status."""

import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

import click

from fanfold.engines.protocol import EngineError, Foreign
from fanfold.errors import InvalidJob, JobFailed, Refused, UnknownJob
from fanfold.terminal.console import result_json, say
from fanfold_steps.inputs.splits import InvalidInputs
from fanfold_steps.programs.command import InvalidCommand
from fanfold_storage.errors import InvalidKey, PermissionDenied, StorageError, Unsupported


class Exit(IntEnum):
    """The exit status of a verb's process."""

    DONE = 0
    FAILED = 1  # the job failed
    USAGE = 2
    REFUSED = 3  # before anything ran: input, output, plan, an unreadable local file
    NOT_ALLOWED = 4
    NOT_FOUND = 5  # or in conflict
    AWAY = 6  # a service or store doesn't respond
    OUR_FAULT = 70  # a bug in Fanfold
    INTERRUPTED = 130
    READER_LEFT = 141  # the program that read our output has ended


_STATUSES: dict[type[Exception] | tuple[type[Exception], ...], Exit] = {
    JobFailed: Exit.FAILED,
    (Refused, InvalidJob, InvalidCommand, InvalidInputs, UnknownJob, InvalidKey, Unsupported): Exit.REFUSED,
    PermissionDenied: Exit.NOT_ALLOWED,
    Foreign: Exit.NOT_FOUND,
    (StorageError, EngineError): Exit.AWAY,
    OSError: Exit.REFUSED,
}


def status_of(error: BaseException) -> int:
    """The exit status for an error: its own (`exit_status`, or click's), else that of its class."""
    status = getattr(error, "exit_code" if isinstance(error, click.ClickException) else "exit_status", None)
    if isinstance(status, int):
        return status
    return next((status for kinds, status in _STATUSES.items() if isinstance(error, kinds)), Exit.OUR_FAULT)


def run_and_exit(verb: Callable[[], int]) -> NoReturn:
    """Run a verb and exit with its status.

    Under the command `fanfold`, which explains the errors of all its verbs, errors are passed on to it.
    """
    context = click.get_current_context(silent=True)
    if context and context.parent:
        context.exit(verb())
    try:
        status = verb()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (every error is explained here)
        status = explain(error, as_json="--json" in sys.argv)
    sys.exit(status)


def explain(error: BaseException, *, as_json: bool) -> int:
    """Print an error on stderr, and with `--json` as one object on stdout; returns the exit status.

    Ctrl-C is only reported to programs: whoever pressed it knows, and the verb has said what keeps running.
    """
    if isinstance(error, KeyboardInterrupt | click.Abort):
        messages = getattr(error.__cause__ or error, "args", ())  # click turns it into an Abort
        text = ": ".join(["interrupted", *map(str, messages)])
        return _print_problem(error, text, Exit.INTERRUPTED) if as_json else Exit.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return reader_left()
    if os.environ.get("FANFOLD_DEBUG"):
        traceback.print_exception(error)
    status, text = status_of(error), _text(error)
    if isinstance(error, click.ClickException):
        error.show()
    elif status == Exit.OUR_FAULT:
        say(f"fanfold: a bug in Fanfold: {text}", fg="red")
        say("Set FANFOLD_DEBUG=1 to see the traceback, and please report it.")
    else:
        say(f"fanfold: {text}", fg="red")
    return _print_problem(error, text, status) if as_json else status


def _print_problem(error: BaseException, text: str, status: int) -> int:
    problem = getattr(error, "problem", None) or {"status": int(status)}
    printable = text.encode("utf-8", "backslashreplace").decode()  # a file's name may not be valid UTF-8
    try:
        result_json({"error": {"detail": printable, **problem}})
    except BrokenPipeError:
        return reader_left()
    except OSError:  # a full disk, which has been told on stderr
        discard_output()
    return status


def reader_left() -> int:
    """End quietly once nobody reads our output: without this, Python complains at its last flush."""
    discard_output()
    return Exit.READER_LEFT


def discard_output() -> None:
    """Let what is still to be written to stdout go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _text(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}" if status_of(error) == Exit.OUR_FAULT else str(error)
