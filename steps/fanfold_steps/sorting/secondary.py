"""Secondary sort: items are sorted by key and then by value, so that a reducer gets the values of a key sorted."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting import keys, runs

EXTRA = 256
"""Bytes that an item takes besides its value."""


def spread(encoded: bytes, values: Iterable[Any]) -> Iterator[runs.Item]:
    """An item for the key, which keeps its type, and one for each value, sorted by the key's bytes and the value's.

    So of equal keys, the first in input order comes first, before any value.

    Raises:
        PermanentFailure: a value has no place in the order.
    """
    head = keys.delimited(encoded)
    yield head, (len(head), encoded)
    for value in values:
        try:
            yield head + keys.encode(value), (len(head), value)
        except keys.UnsortableKey as error:
            what = f"a value of the key {shown(keys.decode(encoded))} can't be sorted"
            raise PermanentFailure("mapper", f"{what}, as sort_values demands: {error}") from error


def grouped(items: Iterable[runs.Item]) -> Iterator[tuple[keys.Key, Iterator[Any]]]:
    """Each key with its values in order; of equal keys, the first one in input order."""
    for _, group in groupby(items, key=_head):
        items_of_key = iter(group)
        _, (_, encoded) = next(items_of_key)
        yield keys.decode(encoded), (value for data, (head, value) in items_of_key if len(data) > head)


def _head(item: runs.Item) -> bytes:
    return item[0][: item[1][0]]
