"""Doing the same with many things: one after the other while the store responds quickly, otherwise many at a time."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

QUICKLY_SECONDS, THREADS = 0.05, 32
"""The threads are as many as the connections that the client of an S3 server keeps."""


def each(do: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """The results in the order of the things. Raises what a call raises.

    >>> each(str.upper, ["a", "b"])
    ['A', 'B']
    """
    give_up = time.monotonic() + QUICKLY_SECONDS
    found: list[Result] = []
    while len(found) < len(things) and time.monotonic() < give_up:
        found.append(do(things[len(found)]))
    if len(found) == len(things):
        return found
    from concurrent.futures import ThreadPoolExecutor  # importing it takes longer than a small job needs for all this

    with ThreadPoolExecutor(THREADS) as threads:
        return found + list(threads.map(do, things[len(found) :]))
