"""`batch`: mark a mapper as one of frames."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from fanfold_steps.aggregations import Aggregation


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


def problem(map: object, reduce: object, combine: object) -> str | None:
    """Why these can't be a job together, if one of them is about columns; None if they can, or none is."""
    if isinstance(map, Batched) != isinstance(reduce, dict):
        if isinstance(map, Batched):
            return 'a batch is reduced by a dict of aggregations by column, as reduce={"n": Sum()}'
        return (
            "a dict of aggregations by column goes with batches: write map=batch(f), where f takes and returns frames"
        )
    if not isinstance(reduce, dict):
        return None
    wrong = [name for name, one in reduce.items() if not (isinstance(name, str) and isinstance(one, Aggregation))]
    if wrong or not reduce:
        told = f", but {wrong[0]!r} isn't" if wrong else ""
        return f'the reducer of a batch is a dict of aggregations by column, as {{"n": Sum()}}{told}'
    return "aggregations combine by themselves: leave `combine` out" if combine is not None else None
