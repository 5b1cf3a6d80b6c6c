"""Combining: the states of one key that come from several places, made into one."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fanfold_steps import runs
from fanfold_steps.aggregations import Aggregation, Sum
from fanfold_steps.merge import Segment


def merge_into(states: defaultdict[bytes, Any], aggregation: Aggregation, items: Iterable[runs.Item]) -> None:
    """Merge states that come later in the input into those of their keys; a sum begins with the dict's own 0."""
    if isinstance(aggregation, Sum):
        for key, total in items:
            states[key] += total
        return
    merge = aggregation.merge
    for key, state in items:
        states[key] = merge(states[key], state) if key in states else state


def combined(aggregation: Aggregation, blocks: Segment) -> Segment:
    """Sorted items with the states of equal keys merged into one."""
    states: defaultdict[bytes, Any] = defaultdict(int)
    for block in blocks:
        merge_into(states, aggregation, block)
        if states:  # all but the last key are complete
            last = states.popitem()
            yield list(states.items())
            states.clear()
            states[last[0]] = last[1]
    if states:
        yield list(states.items())
