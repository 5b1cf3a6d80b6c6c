"""What people are told of a job's counters when it has succeeded, whoever ran it."""

from collections.abc import Iterator, Mapping

from fanfold.terminal.console import quantity
from fanfold_steps.tree.counters import NONE_COMBINED, NONE_REDUCED, NONE_RETURNED, OWN_GROUP

Counters = Mapping[str, Mapping[str, int]]


def told(counters: Counters, skipped: int, quarantine: str) -> Iterator[str]:
    """A sentence for what was skipped, a line for each group of the job's own counters, and what looks like a mistake.

    Args:
        counters: as `{group: {name: number}}`.
        skipped: how many records and keys were bad.
        quarantine: where the bad records can be read, as the end of the sentence about them.
    """
    if skipped:
        yield f"{quantity(skipped, 'bad record')} {'was' if skipped == 1 else 'were'} skipped: {quarantine}"
    for group, numbers in counters.items():
        if group != OWN_GROUP:
            yield f"{group}: {', '.join(f'{name} {number:,}' for name, number in numbers.items())}"
    yield from forgotten_yield(counters.get(OWN_GROUP, {}))


def forgotten_yield(own: Mapping[str, int]) -> Iterator[str]:
    """A question, if mappers returned None for every record of the input, or others did and the output is empty.

    Args:
        own: Fanfold's own counters of the job.

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
