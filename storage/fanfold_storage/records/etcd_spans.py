"""How much of a long range a scan asks etcd for, so that etcd doesn't visit keys that nobody wants.

A response of etcd says how many keys the whole range has, so etcd visits each of them, whatever the limit
(`treeIndex.Revisions` in its server/storage/mvcc/index.go): tens of milliseconds for 100,000 keys, of which twenty are
wanted. So of a long range, a scan first asks for a part that holds enough keys if they lie as densely as they did the
last time; then, if need be, for longer and longer parts, and at last for the rest.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONG = 2000  # keys that etcd visits in the time of a request
_MOST_KNOWN = 10_000  # prefixes, a few hundred bytes each
_BYTES = 24  # of a key, after its prefix, that say where it lies
_ROOM = 2  # times as long as a part has to be if keys lie evenly
_WIDER = 32  # times as long as the part before
_PARTS = 4  # before the rest


@dataclass(frozen=True, slots=True)
class Density:
    """Where the keys of a prefix lie: the `first` one, if that is known, and the mean `gap` between two."""

    first: int | None
    gap: int


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
            place = max(_place(prefix, start), density.first or 0)
            length = density.gap * limit * _ROOM
            for _ in range(_PARTS):
                place, length = place + length, length * _WIDER
                until = prefix + place.to_bytes(_BYTES) if place < 1 << 8 * _BYTES else end
                if until >= end:
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
            before = self._known.pop(prefix, None)
            if is_first and is_last and visited <= LONG:
                return  # it isn't long, or not any more
            if len(found) > 1 and (before or visited > LONG):
                first, last = _place(prefix, found[0]), _place(prefix, found[-1])
                gap = max(1, (last - first) // (len(found) - 1))
                before = Density(first if is_first else before.first if before else None, gap)
            if before:
                self._known[prefix] = before
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)


def _place(prefix: bytes, key: bytes) -> int:
    """The number that the bytes of a key after its prefix begin with.

    >>> _place(b"a/", b"a/0") - _place(b"a/", b"a//") == 256 ** (_BYTES - 1)
    True
    """
    return int.from_bytes(key[len(prefix) :][:_BYTES].ljust(_BYTES, b"\0"))
