"""Hadoop's reducer `aggregate`: the mapper writes `FUNCTION:KEY TAB VALUE`, and the reducer applies the function to a
key's values and writes `KEY TAB RESULT`."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Values = Iterable[str]
_RESULTS: dict[str, Callable[[Values], Any]] = {
    "LongValueSum": lambda values: sum(map(int, values)),
    "LongValueMax": lambda values: max(map(int, values)),
    "LongValueMin": lambda values: min(map(int, values)),
    "DoubleValueSum": lambda values: math.fsum(map(float, values)),
    "StringValueMax": max,
    "StringValueMin": min,
    "UniqValueCount": lambda values: len(set(values)),
}
_FEWER: dict[str, Callable[[Values], Values]] = {
    "DoubleValueSum": lambda values: values,  # partial sums are rounded, so they would depend on the splits
    "UniqValueCount": lambda values: dict.fromkeys(values),
}


def combine(key: str, values: Iterator[str]) -> Iterator[tuple[str, str]]:
    """As few values as possible with the same result."""
    name, _ = _function(key)
    fewer = _FEWER[name](values) if name in _FEWER else [str(_RESULTS[name](values))]
    return ((key, value) for value in fewer)


def reduce(key: str, values: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The key without its function's name, and the result.

    >>> list(reduce("LongValueSum:words", iter(["1", "2"])))
    [('words', 3)]
    """
    name, rest = _function(key)
    yield rest, _RESULTS[name](values)


def _function(key: str) -> tuple[str, str]:
    name, _, rest = key.partition(":")
    if name not in _RESULTS:
        known = ", ".join(_RESULTS)
        raise ValueError(f"`aggregate` needs keys of the form FUNCTION:KEY, with one of {known}; not {key!r:.80}")
    return name, rest
