"""JSON that somebody else has changed: for whatever reads back what others can write to."""

from collections.abc import Iterator
from typing import Any

OTHERS: tuple[Any, ...] = (None, True, 7, -1.5, "x", "", [], {}, [None], {"a": None})
"""Values of every type, of which at most one is what belongs in a place."""


def changes_of(data: Any) -> Iterator[Any]:
    """The data with one value replaced by each of `OTHERS` or left out, everywhere in turn.

    >>> [change for change in changes_of([1]) if isinstance(change, list)][2:6]
    [[None], [True], [7], [-1.5]]
    """
    yield from OTHERS
    if isinstance(data, dict):
        for key, value in data.items():
            yield {other: data[other] for other in data if other != key}
            yield from ({**data, key: change} for change in changes_of(value))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield data[:index] + data[index + 1 :]
            yield from ([*data[:index], change, *data[index + 1 :]] for change in changes_of(value))
