"""Bugs in Fanfold or in a library: they end the job when they happen twice, not after many restarts."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.place import place_of
from fanfold_steps.failure.wording import shortened
from fanfold_storage.errors import StorageError

_KNOWN = (PermanentFailure, StorageError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)
_LONGEST = 500  # characters
RETRY = "-again"


def with_one_retry(run: Callable[[str], None], attempt: str) -> None:
    """Run an attempt, and a second one if it raises something unexpected. The traceback goes to the log.

    This includes panics of libraries written in Rust, which aren't Exceptions.

    Raises:
        PermanentFailure: both attempts failed in the same way, and it names the record or the file, if there is one; or
            the one that an attempt raised.
        StorageError: the store is unavailable.
    """
    try:
        run(attempt)
        return
    except _KNOWN:
        raise
    except BaseException as error:  # noqa: BLE001 (a panic is one)
        first = _described(error)
        _log(error)
    try:
        run(f"{attempt}{RETRY}")
    except _KNOWN:
        raise
    except BaseException as error:
        _log(error)
        if _described(error) != first:
            raise  # perhaps the machine is at fault: another process tries again
        raise _failure(error) from error


@contextmanager
def without_retry() -> Iterator[None]:
    """A context outside of tasks, which would end in the same way in another process: something unexpected that it
    raises fails the job. The traceback goes to the log.

    Raises:
        PermanentFailure: as above.
    """
    try:
        yield
    except (*_KNOWN, OSError):  # of which another machine may have none
        raise
    except BaseException as error:
        _log(error)
        raise _failure(error) from error


def _failure(error: BaseException) -> PermanentFailure:
    what = f"a bug in Fanfold or in a library that it uses: {_described(error)}"
    mend = "Please report it, with the task's log"
    return PermanentFailure("internal", f"{what}. {mend}", trace=_trace(error), position=place_of(error))


def _described(error: BaseException) -> str:
    """The exception, and where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"{shortened(f'{type(error).__name__}: {error}', _LONGEST)} ({where})"


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _log(error: BaseException) -> None:
    print(_trace(error), file=sys.stderr, flush=True)
