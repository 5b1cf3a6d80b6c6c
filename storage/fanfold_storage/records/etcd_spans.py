"""How much of a long range a scan asks etcd for, so that etcd doesn't visit keys that nobody wants.

A response of etcd says how many keys the whole range has, so etcd visits each of them, whatever the limit
(`treeIndex.Revisions` in its server/storage/mvcc/index.go): tens of milliseconds for 100,000 keys, of which twenty are
wanted. So of a long range, a scan first asks for a part that holds enough keys if they lie as densely as they did the
last time; then, if need be, for longer and longer parts, and at last for the rest.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median_low

LONG = 2000  # keys that etcd visits in the time of a request
_MOST_KNOWN = 10_000  # prefixes, a few hundred bytes each
_BYTES = 24  # of a key, after its prefix, that say where it lies
_ROOM = 2  # times as long as a part has to be if keys lie evenly
_WIDER = 8  # times as long as the part before
_PARTS = 5  # before the rest
_LOOKS = 20  # gaps that are looked at
# What keys end with is written in these digits: ids, times, hashes. Taken as digits of base 256, the keys of one minute
# would lie closer together, on the average, than those of an hour. Other bytes count as the digit below them.
_DIGITS = b"\0" + b"0123456789abcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
_VALUES = bytes(sum(digit <= byte for digit in _DIGITS) - 1 for byte in range(256))


@dataclass(frozen=True, slots=True)
class Density:
    """Where the keys of a prefix lie: the typical `gap` between two, and the places of the first keys, if known."""

    gap: int
    first: int | None = None
    last: int = 0
    count: int = 0
    """Of the keys from `first` to `last`."""

    def part(self, start: int, limit: int) -> tuple[int, int]:
        """Where a part begins that is likely to hold `limit` keys and one more, and its length."""
        if self.first is None or start > self.first:
            return start, self.gap * limit * _ROOM
        if limit <= self.count:
            return self.last, self.gap * _ROOM
        return self.first, self.gap * limit * _ROOM


class Spans:
    """What scans have found out about long ranges. May be used by several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Density] = OrderedDict()
        self._lock = threading.Lock()

    def ends(self, prefix: bytes, start: bytes, end: bytes, limit: int) -> Iterator[bytes]:
        """Where the parts end in which to look, one after the other, for keys of a prefix from `start` to `end`."""
        with self._lock:
            density = self._known.get(prefix)
        if density and end > start >= prefix and (start > prefix or density.first is not None):
            place, length = density.part(_place(prefix, start), limit)
            for _ in range(_PARTS):
                place, length = place + length, length * _WIDER
                until = prefix + _bytes_at(place)
                if not start < until < end:
                    break
                yield until
        yield end

    def note(self, prefix: bytes, found: Sequence[bytes], visited: int, *, is_first: bool, is_last: bool) -> None:
        """Note what a scan has found.

        Args:
            prefix: of the keys.
            found: the keys.
            visited: how many keys etcd has visited for that.
            is_first: whether the scan began with the first key of the prefix.
            is_last: whether it came to the last one.
        """
        with self._lock:
            density = self._known.pop(prefix, None)
            if is_first and is_last and visited <= LONG:
                return  # it isn't long, or not any more
            if len(found) > 1 and (density or visited > LONG):
                gap = _gap(prefix, found)
                if is_first:
                    density = Density(gap, _place(prefix, found[0]), _place(prefix, found[-1]), len(found))
                else:
                    density = replace(density, gap=gap) if density else Density(gap)
            if density:
                self._known[prefix] = density
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)


def _gap(prefix: bytes, keys: Sequence[bytes]) -> int:
    """How far keys typically lie apart: the median, which one hour without any key doesn't change."""
    step = max(1, (len(keys) - 1) // _LOOKS)
    places = [_place(prefix, key) for key in keys[::step]]
    return max(1, median_low(after - before for before, after in pairwise(places)) // step)


def _place(prefix: bytes, key: bytes) -> int:
    """The number that the bytes of a key after its prefix begin with.

    >>> _place(b"a/", b"a/10") - _place(b"a/", b"a/0z") == 2 * _BASE ** (_BYTES - 2)
    True
    """
    place = 0
    for byte in key[len(prefix) :][:_BYTES].ljust(_BYTES, b"\0"):
        place = place * _BASE + _VALUES[byte]
    return place


def _bytes_at(place: int) -> bytes:
    """The bytes that are the number of a place; of a place beyond all others, bytes that come after all of these.

    >>> _bytes_at(_place(b"a/", b"a/0z")).rstrip(b"\\0")
    b'0z'
    """
    digits = bytearray(_BYTES)
    for at in reversed(range(_BYTES)):
        place, digit = divmod(place, _BASE)
        digits[at] = _DIGITS[digit]
    return b"\xff" if place else bytes(digits)
