"""Secondary sort: items that are sorted by key and then by value, so that the values of a key arrive in their order."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from fanfold_steps import keys, runs
from fanfold_steps.failure import PermanentFailure, shown

EXTRA = 256
"""Bytes that a value takes as an item of its own, beside itself."""


def spread(encoded: bytes, values: Iterable[Any]) -> Iterator[runs.Item]:
    """An item for each value of a key: its bytes are the key's, then the value's.

    Raises:
        PermanentFailure: a value has no place in the order.
    """
    head = keys.delimited(encoded)
    for value in values:
        try:
            yield head + keys.encode(value), (len(head), value)
        except keys.UnsortableKey as error:
            what = f"a value of the key {shown(keys.decode(encoded))} can't be sorted"
            raise PermanentFailure("mapper", f"{what}, as sort_values demands: {error}") from error


def grouped(items: Iterable[runs.Item]) -> Iterator[tuple[keys.Key, Iterator[Any]]]:
    """Each key with its values, in order. Of equal numbers as keys the whole number is shown: 1, never 1.0 or True."""
    for head, group in groupby(items, key=_head):
        yield keys.undelimited(head), (value for _, (_, value) in group)


def _head(item: runs.Item) -> bytes:
    return item[0][: item[1][0]]
