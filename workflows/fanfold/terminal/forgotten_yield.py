"""A question about a job that succeeded: did its mapper or reducer forget to `yield`?"""

from collections.abc import Iterator, Mapping

from fanfold.terminal.console import quantity
from fanfold_steps.tree.counters import NONE_REDUCED, NONE_RETURNED


def forgotten_yield(own: Mapping[str, int]) -> Iterator[str]:
    """A question, if mappers returned None for every record of the input, or reducers did and nothing was written.

    Args:
        own: Fanfold's own counters of the job.

    >>> list(forgotten_yield({"input_records": 2, "records_mapped_to_none": 2, "output_records": 0}))
    ['the mapper returned None for all 2 records: is a `yield` missing?']
    >>> list(forgotten_yield({"input_records": 2, "keys_reduced_to_none": 1, "output_records": 0}))
    ['the reducer returned None for 1 key and the output is empty: is a `yield` missing?']
    """
    if (nones := own.get(NONE_RETURNED, 0)) and nones == own.get("input_records"):
        yield f"the mapper returned None for {'all ' * (nones > 1)}{quantity(nones, 'record')}: is a `yield` missing?"
    if (nones := own.get(NONE_REDUCED, 0)) and not own.get("output_records"):
        yield f"the reducer returned None for {quantity(nones, 'key')} and the output is empty: is a `yield` missing?"
