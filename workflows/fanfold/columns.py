"""`batch`: mark a mapper as one of frames."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any


class Batched:
    """A function of frames, called as it was before."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        update_wrapper(self, function)

    def __call__(self, frame: Any, **context: Any) -> Any:
        """What the function returns."""
        return self.function(frame, **context)


def batch(function: Callable[[Any], Any]) -> Batched:
    """A mapper that takes a Polars frame of records and returns one of rows (or anything with Arrow's C stream).

    It goes with a dict of aggregations by column, `Job(map=batch(f), reduce={"n": Sum()})`; all other columns of what
    it returns are the key. Lines come as the column `line`, records with fields as columns of their names. How many
    records a frame holds is Fanfold's choice, so what is returned for a row must not depend on the rows around it.
    """
    return Batched(function)
