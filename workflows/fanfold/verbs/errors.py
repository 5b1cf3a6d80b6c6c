"""Exit statuses, the same for every verb, and the one place that turns an exception into words and a status."""

import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

from fanfold.builtin import UnknownJob
from fanfold.engines.protocol import EngineError, Foreign
from fanfold.job import InvalidJob
from fanfold.planner import Refused
from fanfold_storage.errors import InvalidKey, PermissionDenied, StorageError, Unsupported


class Exit(IntEnum):
    """What a verb's process ends with."""

    DONE = 0
    FAILED = 1  # the job failed
    USAGE = 2
    REFUSED = 3  # before it ran: input, output, plan
    NOT_ALLOWED = 4
    NOT_FOUND = 5  # or in conflict
    AWAY = 6  # a service or store doesn't answer
    INTERRUPTED = 130


def status_of(error: Exception) -> Exit | None:
    """The status for an error that a person can mend, None for one of our own making."""
    table: dict[type[Exception] | tuple[type[Exception], ...], Exit] = {
        (Refused, InvalidJob, UnknownJob, InvalidKey, Unsupported): Exit.REFUSED,
        PermissionDenied: Exit.NOT_ALLOWED,
        Foreign: Exit.NOT_FOUND,
        (StorageError, EngineError): Exit.AWAY,
    }
    return next((status for kinds, status in table.items() if isinstance(error, kinds)), None)


def run_and_exit(verb: Callable[[], int], status_of: Callable[[Exception], Exit | None] = status_of) -> NoReturn:
    """Run a verb and end the process with its status; errors go to stderr in words."""
    try:
        status = verb()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = Exit.INTERRUPTED
    except Exception as error:
        known = status_of(error)
        if known is None:
            raise
        print(f"fanfold: {error}", file=sys.stderr)
        status = known
    sys.stdout.flush()
    sys.exit(status)
