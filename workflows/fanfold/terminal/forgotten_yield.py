"""A question about a job that succeeded: did its mapper, combiner or reducer forget to `yield`?"""

from collections.abc import Iterator, Mapping

from fanfold.terminal.console import quantity
from fanfold_steps.tree.counters import NONE_COMBINED, NONE_REDUCED, NONE_RETURNED


def forgotten_yield(own: Mapping[str, int]) -> Iterator[str]:
    """A question, if mappers returned None for every record of the input, or others did and the output is empty.

    Args:
        own: Fanfold's own counters of the job.

    >>> list(forgotten_yield({"input_records": 2, "records_mapped_to_none": 2, "output_records": 0}))
    ['the mapper returned None for all 2 records: is a `yield` missing?']
    >>> list(forgotten_yield({"input_records": 2, "keys_reduced_to_none": 1, "output_records": 0}))
    ['the reducer returned None for 1 key and the output is empty: is a `yield` missing?']
    """
    if (nones := own.get(NONE_RETURNED, 0)) and nones == own.get("input_records"):
        yield f"the mapper returned None for {'all ' * (nones > 1)}{quantity(nones, 'record')}: is a `yield` missing?"
    if own.get("output_records"):
        return
    for who, counter in (("combiner", NONE_COMBINED), ("reducer", NONE_REDUCED)):
        if nones := own.get(counter, 0):
            yield f"the {who} returned None for {quantity(nones, 'key')} and the output is empty: is a `yield` missing?"
