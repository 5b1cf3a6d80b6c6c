"""What takes in a mapper's pairs: each key once, with a state or with its values in input order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Protocol

from fanfold_steps import keys, loops, runs
from fanfold_steps.aggregations import Aggregation, Sum
from fanfold_steps.calling import Running
from fanfold_steps.failure import PermanentFailure, shown
from fanfold_steps.loops import Mapper, OtherKeys, TextKeys
from fanfold_steps.spills import size_of

OPENING_RECORDS = 256
LOOK_EVERY = 8  # blocks of records
PIECE_VALUES = 1024  # of one key, carried as one item: so that a key with many values can be read bit by bit


class Collector(Protocol):
    """Takes in what the mapper emits and gives it out, combined, by encoded key."""

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and keep what comes out."""

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, value) in any order; the values of a key, if there are several, in input order."""

    def check(self, value: object) -> str | None:
        """Why a value can't be taken in, or None."""

    def size(self) -> int:
        """About how many bytes it holds."""


class States:
    """Folds values into an aggregation's states as they come."""

    def __init__(self, aggregation: Aggregation) -> None:
        self._fold = aggregation.fold
        self._texts = TextKeys(aggregation.start)
        self._others: OtherKeys = defaultdict(aggregation.start)
        self.check = aggregation.check

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and fold what comes out."""
        loops.fold(mapper, records, self._texts, self._others, self._fold)

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, state)."""
        return _by_encoding(self._texts, self._others)

    def size(self) -> int:
        """About how many bytes it holds."""
        return size_of(self._texts) + size_of(self._others)


class NotWhole(Exception):
    """`Totals` met a value that isn't a whole number, and its sums may be rounded: take the split anew by `States`."""


class Totals:
    """Adds up whole numbers with a bare `+=`: what `Sum` does, faster.

    A float among them would be added with a rounding, so it has to be noticed: the first records are folded with care,
    and who sums floats is found out there. A float that first comes later shows in the type of its total at the end.
    """

    def __init__(self) -> None:
        self._sum = Sum()
        self._texts = TextKeys(int)
        self._others: OtherKeys = defaultdict(int)
        self._is_opening = True
        self._is_whole = True
        self.check = self._sum.check

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and add up what comes out."""
        if self._is_opening:
            self._is_opening = False
            loops.fold(mapper, islice(records, OPENING_RECORDS), self._texts, self._others, self._sum.fold)
            self._is_whole = self._only_whole()
        if self._is_whole:
            loops.add(mapper, records, self._texts, self._others)
        else:
            loops.fold(mapper, records, self._texts, self._others, self._sum.fold)

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, total). Raises NotWhole."""
        if self._is_whole and not self._only_whole():
            raise NotWhole
        return _by_encoding(self._texts, self._others)

    def size(self) -> int:
        """About how many bytes it holds."""
        return size_of(self._texts) + size_of(self._others)

    def _only_whole(self) -> bool:
        return set(map(type, chain(self._texts.values(), self._others.values()))) <= {int}


class Groups:
    """Keeps the values of each key in input order, and runs the user's combiner over them at the end."""

    def __init__(self, combiner: Running | None = None, extra: int = 0) -> None:
        self._combiner = combiner
        self._extra = extra  # bytes that a value takes beside itself when it is written
        self._looks = self._size = 0
        self._texts = TextKeys(list)
        self._others: OtherKeys = defaultdict(list)

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and group what comes out."""
        loops.gather(mapper, records, self._texts, self._others)

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, list of values); long lists in pieces."""
        return self._combined() if self._combiner else _in_pieces(_by_encoding(self._texts, self._others))

    def size(self) -> int:
        """About how many bytes it holds."""
        if self._looks % LOOK_EVERY == 0:  # counting takes a while where there are many keys
            texts, others = (sum(map(len, lists.values())) for lists in (self._texts, self._others))
            self._size = size_of(self._texts, texts) + size_of(self._others, others)
            self._size += (texts + others) * self._extra
        self._looks += 1
        return self._size

    def _combined(self) -> Iterator[runs.Item]:
        assert self._combiner
        combined: defaultdict[bytes, list[Any]] = defaultdict(list)
        for key, values in chain(self._texts.items(), self._others.items()):
            for out_key, out_value in _pairs(self._combiner.call(key, iter(values)), f" (for the key {shown(key)})"):
                combined[keys.encode(out_key)].append(out_value)
        for out_key, out_value in _pairs(self._combiner.finish(), " (from its finish)"):
            combined[keys.encode(out_key)].append(out_value)
        return _in_pieces(combined.items())

    def check(self, value: object) -> str | None:
        """Any value will do."""
        return None


def _by_encoding(texts: dict[str, Any], others: dict[Any, Any]) -> Iterator[runs.Item]:
    yield from zip(keys.encode_texts(texts), texts.values(), strict=True)
    for key, value in others.items():
        yield keys.encode(key), value


def _in_pieces(groups: Iterable[runs.Item]) -> Iterator[runs.Item]:
    for key, values in groups:
        if len(values) <= PIECE_VALUES:
            yield key, values
        else:
            yield from ((key, values[at : at + PIECE_VALUES]) for at in range(0, len(values), PIECE_VALUES))


def _pairs(emitted: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """What a combiner gave, each checked to be a pair."""
    if emitted is None or isinstance(emitted, str | bytes | tuple | dict):
        kind = "None" if emitted is None else type(emitted).__name__
        what = f"the combiner returned {kind}{where}"
        raise PermanentFailure("combiner", f"{what}: let it yield (key, value) pairs, or return a list of them")
    for pair in emitted:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise PermanentFailure(
                "combiner", f"the combiner must give (key, value) pairs, but gave {shown(pair)}{where}"
            )
        yield pair[0], pair[1]
