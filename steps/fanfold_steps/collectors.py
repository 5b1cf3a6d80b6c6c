"""What takes in a mapper's pairs: each key once, with a state or with its values in input order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Protocol

from fanfold_steps import keys, loops, runs
from fanfold_steps.aggregations import Aggregation, Sum
from fanfold_steps.calling import Running
from fanfold_steps.failure import NotOfUserCode, PermanentFailure, shown
from fanfold_steps.loops import Mapper, Values
from fanfold_steps.mappers import is_pair
from fanfold_steps.returned import wrong_return
from fanfold_steps.spills import size_of

OPENING_RECORDS = 256
PIECE_VALUES = 1024  # of one key, carried as one item: so that a key with many values can be read bit by bit


class Collector(Protocol):
    """Takes in what the mapper emits and gives it out, combined, by encoded key."""

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and keep what comes out."""

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, value) in any order; the values of a key, if there are several, in input order."""

    def check(self, value: object) -> str | None:
        """Why a value can't be taken in, or None."""

    def size(self) -> int:
        """About how many bytes it holds, asked for once a batch."""

    def look(self) -> int:
        """The same, whatever came since; it may take a while."""


class States:
    """Folds values into an aggregation's states as they come."""

    def __init__(self, aggregation: Aggregation) -> None:
        self._fold = aggregation.fold
        self._texts: Values = defaultdict(aggregation.start)
        self._others: Values = defaultdict(aggregation.start)
        self.check = aggregation.check

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and fold what comes out."""
        loops.fold(mapper, records, self._texts, self._others, self._fold)

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, state)."""
        return _by_encoding(self._texts, self._others)

    def size(self) -> int:
        """About how many bytes it holds."""
        return size_of(self._texts) + size_of(self._others)

    look = size


class Unforeseen(NotOfUserCode):
    """A loop that doesn't look met what it should have looked at: the task begins anew, and looks at everything."""


class Totals(States):
    """Adds up whole numbers by text keys with a bare `+`: what `Sum` does, faster.

    The first records are folded with care: who sums floats, or has other keys, is found out there. A float that first
    comes later would be added with a rounding; it shows in the type of its total at the end.
    """

    def __init__(self) -> None:
        super().__init__(Sum())
        self._is_opening = self._is_plain = True

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and add up what comes out. Raises Unforeseen."""
        if self._is_opening:
            self._is_opening = False
            super().fold(mapper, islice(records, OPENING_RECORDS))
            self._is_plain = not self._others and self._is_whole()
        if self._is_plain:
            known = len(self._texts)
            loops.add(mapper, records, self._texts)
            demand_texts(self._texts, known)
        else:
            super().fold(mapper, records)

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, total). Raises Unforeseen."""
        if self._is_plain and not self._is_whole():
            raise Unforeseen
        return super().items()

    def _is_whole(self) -> bool:
        return set(map(type, self._texts.values())) <= {int}


class Groups:
    """Keeps the values of each key in input order, and runs the user's combiner over them at the end."""

    def __init__(self, combiner: Running | None = None, extra: int = 0) -> None:
        self._combiner = combiner
        self._extra = extra  # bytes that a value takes beside itself when it is written
        self._blocks = self._looked = self._size = 0
        self._texts: Values = defaultdict(list)
        self._others: Values = defaultdict(list)

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and group what comes out."""
        loops.gather_any(mapper, records, self._texts, self._others)

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, list of values); long lists in pieces."""
        return self._combined() if self._combiner else _in_pieces(_by_encoding(self._texts, self._others))

    def size(self) -> int:
        """About how many bytes it holds; between two looks, which take a while, by how much was read since."""
        self._blocks += 1
        if self._blocks >= self._looked + max(1, self._looked // 4):
            self._looked, self._size = self._blocks, self.look()
        return self._size * self._blocks // self._looked

    def look(self) -> int:
        """About how many bytes it holds, looked at now."""
        texts, others = (sum(map(len, lists.values())) for lists in (self._texts, self._others))
        size = size_of(self._texts, texts) + size_of(self._others, others)
        return size + (texts + others) * self._extra

    def _combined(self) -> Iterable[runs.Item]:
        assert self._combiner
        combined: defaultdict[bytes, list[Any]] = defaultdict(list)
        for key, values in chain(self._texts.items(), self._others.items()):
            for out_key, out_value in _pairs(self._combiner.call(key, iter(values)), f" (for the key {shown(key)})"):
                combined[keys.encode(out_key)].append(out_value)
        for out_key, out_value in _pairs(self._combiner.finish(), " (from its finish)"):
            combined[keys.encode(out_key)].append(out_value)
        return _in_pieces(combined.items())

    @staticmethod  # whoever keeps it doesn't keep what is held
    def check(value: object) -> str | None:
        """Any value will do."""
        return None


class TextGroups(Groups):
    """The same for text keys, without a look at each. Other keys among the first records are found out."""

    def __init__(self, combiner: Running | None = None, extra: int = 0) -> None:
        super().__init__(combiner, extra)
        self._is_opening = self._is_plain = True

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> None:
        """Map records and group what comes out. Raises Unforeseen."""
        if self._is_opening:
            self._is_opening = False
            super().fold(mapper, islice(records, OPENING_RECORDS))
            self._is_plain = not self._others
        if self._is_plain:
            known = len(self._texts)
            loops.gather(mapper, records, self._texts)
            demand_texts(self._texts, known)
        else:
            super().fold(mapper, records)


def demand_texts(found: dict[Any, Any], known: int) -> None:
    """Look at the keys that came after the first `known`. Raises Unforeseen: one isn't text."""
    if not set(map(type, islice(reversed(found), len(found) - known))) <= {str}:
        raise Unforeseen


def _by_encoding(texts: Values, others: Values) -> Iterator[runs.Item]:
    yield from zip(keys.encode_texts(texts), texts.values(), strict=True)
    for key, value in others.items():
        yield keys.encode(key), value


def _in_pieces(groups: Iterable[runs.Item]) -> Iterable[runs.Item]:
    groups = list(groups)
    if max(map(len, map(itemgetter(1), groups)), default=0) <= PIECE_VALUES:
        return groups
    return _cut(groups)


def _cut(groups: Iterable[runs.Item]) -> Iterator[runs.Item]:
    for key, values in groups:
        if len(values) <= PIECE_VALUES:
            yield key, values
        else:
            yield from ((key, values[at : at + PIECE_VALUES]) for at in range(0, len(values), PIECE_VALUES))


def _pairs(emitted: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """What a combiner gave, each checked to be a pair."""
    if problem := wrong_return("the combiner", emitted, "(key, value) pairs"):
        raise PermanentFailure("combiner", problem + where)
    for pair in emitted:
        if not is_pair(pair):
            raise PermanentFailure(
                "combiner", f"the combiner must give (key, value) pairs, but gave {shown(pair)}{where}"
            )
        yield pair[0], pair[1]
