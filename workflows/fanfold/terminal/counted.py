"""What people are told of a job's counters when it has succeeded, whoever ran it."""

from collections.abc import Iterator, Mapping

from fanfold.terminal.console import quantity
from fanfold_steps.tree.counters import NONE_RETURNED, OWN_GROUP

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
    own = counters.get(OWN_GROUP, {})
    if (nones := own.get(NONE_RETURNED, 0)) and nones == own.get("input_records"):
        yield f"the mapper returned None for {'all ' * (nones > 1)}{quantity(nones, 'record')}: is a `yield` missing?"
