"""`batch`: mark a mapper as one that takes batches of records, as frames."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any


class BatchMapper:
    """A function of frames; calling it calls the function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        update_wrapper(self, function)

    def __call__(self, frame: Any, **context: Any) -> Any:
        """What the function returns."""
        return self.function(frame, **context)


def batch(function: Callable[[Any], Any]) -> BatchMapper:
    """A mapper that takes a Polars frame of records and returns a frame of rows (or an Arrow C stream).

    Use it with a dict of aggregations by column: `Job(map=batch(f), reduce={"n": Sum()})`. All other columns that it
    returns form the key. Lines arrive as the column `line`, records with fields as columns of the same names. Fanfold
    chooses how many records a frame holds, so the result for a row must not depend on the rows around it.
    """
    return BatchMapper(function)
