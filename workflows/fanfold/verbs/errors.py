"""Exit statuses, the same for every verb, and the one place that turns an exception into words and a status."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, NoReturn

import click

from fanfold.builtin import UnknownJob
from fanfold.engines.protocol import EngineError, Foreign
from fanfold.planner import Refused
from fanfold.stage import InvalidJob
from fanfold.verbs.console import result_json, say
from fanfold_steps.inputs import InvalidInputs
from fanfold_steps.programs.command import InvalidCommand
from fanfold_steps.report import describe
from fanfold_storage.errors import InvalidKey, PermissionDenied, StorageError, Unsupported


class Exit(IntEnum):
    """What a verb's process ends with."""

    DONE = 0
    FAILED = 1  # the job failed
    USAGE = 2
    REFUSED = 3  # before it ran: input, output, plan, a local file that can't be read
    NOT_ALLOWED = 4
    NOT_FOUND = 5  # or in conflict
    AWAY = 6  # a service or store doesn't answer
    OUR_FAULT = 70  # nobody foresaw it
    INTERRUPTED = 130
    READER_LEFT = 141  # whoever read our output


class JobFailed(Exception):
    """A job ended without results; `failure` has the form of `failed.json`, `problem` that of a service's answer."""

    def __init__(self, failure: Mapping[str, Any]) -> None:
        super().__init__(f"the job failed: {describe(failure)}")
        known = {name: failure[name] for name in ("task", "record", "traceback", "log") if failure.get(name)}
        kind = {"type": "urn:fanfold:problem:job-failed", "title": "Job failed"}
        self.problem = {**kind, "detail": failure["message"], **known}


_STATUSES: dict[type[Exception] | tuple[type[Exception], ...], Exit] = {
    JobFailed: Exit.FAILED,
    (Refused, InvalidJob, InvalidCommand, InvalidInputs, UnknownJob, InvalidKey, Unsupported): Exit.REFUSED,
    PermissionDenied: Exit.NOT_ALLOWED,
    Foreign: Exit.NOT_FOUND,
    (StorageError, EngineError): Exit.AWAY,
    OSError: Exit.REFUSED,
}


def status_of(error: BaseException) -> int:
    """The status that stands for an error: its own (`exit_status`, or click's), else that of its kind."""
    own = getattr(error, "exit_code" if isinstance(error, click.ClickException) else "exit_status", None)
    if isinstance(own, int):
        return own
    return next((status for kinds, status in _STATUSES.items() if isinstance(error, kinds)), Exit.OUR_FAULT)


def run_and_exit(verb: Callable[[], int]) -> NoReturn:
    """Run a verb and leave with its status. Under `fanfold`, where all verbs' errors end, errors go on up from here."""
    context = click.get_current_context(silent=True)
    if context and context.parent:
        context.exit(verb())
    try:
        status = verb()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (every error ends here)
        status = explain(error, as_json="--json" in sys.argv)
    sys.exit(status)


def explain(error: BaseException, *, as_json: bool) -> int:
    """Tell an error in words on stderr, and with `--json` as one object on stdout; the status that stands for it.

    Ctrl-C is told to programs alone: who pressed it knows, and what goes on nevertheless the verb has said.
    """
    if isinstance(error, KeyboardInterrupt | click.Abort):
        said = getattr(error.__cause__ or error, "args", ())  # click makes an Abort of it
        text = ": ".join(["interrupted", *map(str, said)])
        return _tell_programs(error, text, Exit.INTERRUPTED) if as_json else Exit.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return reader_left()
    if os.environ.get("FANFOLD_DEBUG"):
        traceback.print_exception(error)
    status, text = status_of(error), _text(error)
    if isinstance(error, click.ClickException):
        error.show()
    elif status == Exit.OUR_FAULT:
        say(f"fanfold: a fault in Fanfold itself: {text}", fg="red")
        say("Set FANFOLD_DEBUG=1 to see where, and please report it.")
    else:
        say(f"fanfold: {text}", fg="red")
    return _tell_programs(error, text, status) if as_json else status


def _tell_programs(error: BaseException, text: str, status: int) -> int:
    problem = getattr(error, "problem", None) or {"status": int(status)}
    printable = text.encode("utf-8", "backslashreplace").decode()  # the name of a file may be no text
    try:
        result_json({"error": {"detail": printable, **problem}})
    except BrokenPipeError:
        return reader_left()
    return status


def reader_left() -> int:
    """End quietly when nobody reads our output any more: Python would complain at its last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.READER_LEFT


def _text(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}" if status_of(error) == Exit.OUR_FAULT else str(error)
