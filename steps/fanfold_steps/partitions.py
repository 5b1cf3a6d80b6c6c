"""Which partition a key goes to: by its hash, by the job's own function, or by ranges of keys, which keep a total
order."""

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from fanfold_steps import keys
from fanfold_steps.failure import PermanentFailure, of_user_code, raised_in_user_code, shown

Partition = Callable[[Iterable[bytes]], Iterable[int]]
"""The number of each encoded key's partition."""


def by_hash(partitions: int, begin: bytes = b"") -> Partition:
    """CRC-32 of the key's bytes, the same on every machine and Python; `begin` is what all keys begin with, if that is
    left out of what is given.

    >>> list(by_hash(8)([b"sa", b"sb"])) == list(by_hash(8, b"s")([b"a", b"b"]))
    True
    """
    begun = repeat(zlib.crc32(begin))
    return lambda encoded: [checksum % partitions for checksum in map(zlib.crc32, encoded, begun)]


def by_function(function: Callable[..., Any], partitions: int, code_root: Path) -> Partition:
    """What `function(key, partitions)` says.

    Equal numbers are one key, so it is asked for them in one spelling: 1, never 1.0 or True.
    """

    def ask(encoded: bytes) -> int:
        key = keys.decode(bytes(encoded))
        try:
            number = function(key, partitions)
        except BaseException as error:
            if not raised_in_user_code(error.__traceback__):
                what = f"{type(error).__name__}: {error} (for the key {shown(key)})"
                raise PermanentFailure("partitioner", what) from error
            failure = of_user_code("partitioner", error, code_root, None)
            failure.message += f" (for the key {shown(key)})"
            raise failure from error
        if not isinstance(number, int) or not 0 <= number < partitions:
            what = f"the partitioner gave {shown(number)} for the key {shown(key)}"
            raise PermanentFailure("partitioner", f"{what}: let it return a whole number from 0 to {partitions - 1}")
        return number

    return partial(map, ask)


def by_ranges(boundaries: list[bytes]) -> Partition:
    """Keys below the first boundary go to partition 0, from there to below the second to 1, and so on.

    >>> list(by_ranges([b"g", b"p"])([b"a", b"g", b"m", b"z"]))
    [0, 1, 1, 2]
    """
    return partial(map, partial(bisect_right, boundaries))


def boundaries_of(weights: Mapping[bytes, int], partitions: int) -> list[bytes]:
    r"""Keys that cut a sample, each with how often it was seen, into ranges of about equal weight.

    A key that is heavier than a range has one of its own. There are fewer boundaries when there are fewer keys.

    >>> boundaries_of({b"a": 1, b"b": 1, b"c": 9, b"d": 1, b"e": 1, b"f": 1}, 3)
    [b'c', b'd']
    """
    found: list[bytes] = []
    left, held = sum(weights.values()), 0
    for key in sorted(weights):
        weight = weights[key]
        wanted = (left + held) / (partitions - len(found))
        if held and len(found) < partitions - 1 and held + weight / 2 > wanted:
            found.append(bytes(key))
            held = 0
        held += weight
        left -= weight
    return found
