"""Combining: the states of one key that come from several places, made into one."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fanfold_steps.aggregations import Aggregation, Sum
from fanfold_steps.aggregations.exact import MixedKinds
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting import keys, runs
from fanfold_steps.sorting.merge import Segment


def merge_into(states: defaultdict[bytes, Any], aggregation: Aggregation, items: Iterable[runs.Item]) -> None:
    """Merge states that come later in the input into those of their keys; a sum begins with the dict's own 0.

    Raises:
        PermanentFailure: they don't fit together.
    """
    merge, is_sum, key = aggregation.merge, isinstance(aggregation, Sum), b""
    try:
        if is_sum:
            for key, total in items:
                states[key] += total
            return
        for key, state in items:
            states[key] = merge(states[key], state) if key in states else state
    except MixedKinds as error:
        raise _mixed(key, error) from error


def result(aggregation: Aggregation, key: bytes, state: Any) -> Any:
    """What is written for a key. Raises PermanentFailure: its values have no result."""
    try:
        return aggregation.result(state)
    except (MixedKinds, OverflowError) as error:
        raise _mixed(key, error) from error


def _mixed(key: bytes, error: Exception) -> PermanentFailure:
    return PermanentFailure("mapper", f"{error} (for the key {shown(keys.decode(key))})")


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
