"""The partition of a key: by its hash, by the job's own function, or by ranges of keys for a total order."""

import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from fanfold_steps.failure.blame import KeyBlame
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.sorting import keys

Partition = Callable[[Iterable[bytes]], Iterable[int]]
"""The number of each encoded key's partition."""


def by_hash(partitions: int, begin: bytes = b"") -> Partition:
    """By CRC-32 of the key's bytes, which is the same on every machine and Python.

    All keys start with the bytes `begin`; the keys that are passed come without them.

    >>> list(by_hash(8)([b"sa", b"sb"])) == list(by_hash(8, b"s")([b"a", b"b"]))
    True
    """
    begun = repeat(zlib.crc32(begin))
    return lambda encoded: [checksum % partitions for checksum in map(zlib.crc32, encoded, begun)]


def by_function(function: Callable[..., Any], partitions: int, code_root: Path) -> Partition:
    """By `function(key, partitions)`.

    Equal keys are one key. Of equal plain numbers, the function sees only one: 1, never 1.0 or True. A Decimal, a named
    tuple or a member of an IntEnum is passed as it was emitted, and must get the same partition as any equal key.
    """

    blame = KeyBlame("partitioner", code_root)

    def ask(encoded: bytes) -> int:
        key = keys.decode(encoded)
        if type(encoded) is not keys.Spelled:
            return call(key)
        plain = keys.in_one_spelling(key)
        if keys.is_plain(key):
            return call(plain)
        number, other = call(key), None
        with suppress(PermanentFailure):  # it needn't handle a type that the job never emits
            other = call(plain)
        if other not in (number, None):
            what = f"the partitioner returned {number} for the key {shown(key)} and {other} for {shown(plain)}"
            raise PermanentFailure("partitioner", f"{what}, which are one key: let it depend on the value alone")
        return number

    def call(key: keys.Key) -> int:
        blame.key = key
        with blame:
            number = function(key, partitions)
        if not isinstance(number, int) or not 0 <= number < partitions:
            what = f"the partitioner returned {shown(number)} for the key {shown(key)}"
            raise PermanentFailure("partitioner", f"{what}: let it return an integer from 0 to {partitions - 1}")
        return number

    return partial(map, ask)


PLACE = struct.Struct(">I")
"""The number of a partition. Keys from which it can't be computed begin with it, after the byte for their type. All
keys in a partition begin alike, so this doesn't affect their order."""


def by_place() -> Partition:
    r"""By the number with which encoded keys begin.

    >>> list(by_place()([b"b\0\0\0\7key"]))
    [7]
    """
    return partial(map, lambda encoded: PLACE.unpack_from(encoded, 1)[0])


def by_ranges(boundaries: list[bytes]) -> Partition:
    """By ranges: keys below the first boundary go to partition 0, from there to below the second to 1, and so on.

    >>> list(by_ranges([b"g", b"p"])([b"a", b"g", b"m", b"z"]))
    [0, 1, 1, 2]
    """
    return partial(map, partial(bisect_right, boundaries))


def boundaries_of(weights: Mapping[bytes, int], partitions: int) -> list[bytes]:
    r"""The keys that cut a sample into ranges of about equal weight; `weights` says how often each key occurs in it.

    A key that is heavier than a range gets one of its own. There are fewer boundaries if there are fewer keys.

    >>> boundaries_of({b"a": 1, b"b": 1, b"c": 9, b"d": 1, b"e": 1, b"f": 1}, 3)
    [b'c', b'd']
    """
    boundaries: list[bytes] = []
    left, held = sum(weights.values()), 0
    for key in sorted(weights):
        weight = weights[key]
        wanted = (left + held) / (partitions - len(boundaries))
        if held and len(boundaries) < partitions - 1 and held + weight / 2 > wanted:
            boundaries.append(bytes(key))
            held = 0
        held += weight
        left -= weight
    return boundaries
