"""Where something was raised that nobody foresaw: the place goes with the exception, to whoever explains it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fanfold_steps.failure.permanent import Position

_ATTRIBUTE = "fanfold_place"


@contextmanager
def at_place(position: Callable[[], Position | None]) -> Iterator[None]:
    """A context that is about one record or file: what it raises is marked with that, unless an inner one did."""
    try:
        yield
    except BaseException as error:
        if place_of(error) is None:
            with suppress(Exception):  # who asks for the place may meet the same defect; then there is none
                setattr(error, _ATTRIBUTE, position())
        raise


def place_of(error: BaseException | None) -> Position | None:
    """The place with which an exception is marked, or that from which it was raised."""
    while error is not None:
        found: Position | None = getattr(error, _ATTRIBUTE, None)
        if found:
            return found
        error = error.__cause__
    return None
