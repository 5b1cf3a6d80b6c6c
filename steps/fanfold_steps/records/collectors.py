"""Collectors of a mapper's pairs, which hold each key once, with a state or with its values in input order."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Protocol

from fanfold_steps.aggregations import Aggregation, Sum
from fanfold_steps.failure.permanent import NotOfUserCode, PermanentFailure
from fanfold_steps.failure.user_frames import raised_in_user_code
from fanfold_steps.failure.wording import shown
from fanfold_steps.memory.sizes import size_of
from fanfold_steps.memory.taken import IMMUTABLE, taken
from fanfold_steps.records import loops
from fanfold_steps.records.loops import Mapper, Values
from fanfold_steps.records.pairs import is_pair
from fanfold_steps.sorting import keys, runs
from fanfold_steps.user_code.calling import BegunFunction
from fanfold_steps.user_code.returned import wrong_return

OPENING_RECORDS = 256
PIECE_VALUES = 1024  # of one key, carried as one item: so that a key with many values can be read bit by bit


class Collector(Protocol):
    """Collects what the mapper emits, and returns it combined, by encoded key."""

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> Iterator[None]:
        """Map records and collect the pairs. Yields after `interrupt`, even within a record, so that the caller can
        `measure` the collector, and write it to disk if it is too large."""

    def interrupt(self) -> None:
        """Make a running `fold` yield soon; called from another thread."""

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, value) in any order; the values of a key, if there are several, in input order."""

    def clear(self) -> None:
        """Drop everything: it has been written."""

    def size(self) -> int:
        """About how many bytes it holds; called once a batch, so it must be quick."""

    def measure(self) -> int:
        """About how many bytes it holds at this moment; may be slow."""


class AggregationStates:
    """Folds values into an aggregation's states as they come."""

    def __init__(self, aggregation: Aggregation) -> None:
        self._fold = aggregation.fold
        self._known_types: set[type] = {tuple}
        self._texts: Values = defaultdict(aggregation.start)
        self._others: Values = defaultdict(aggregation.start)

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> Iterator[None]:
        """Map records and fold what comes out."""
        return loops.fold(mapper, records, self._texts, self._others, self._fold, self._known_types)

    def interrupt(self) -> None:
        """Have a running `fold` yield at the next pair."""
        self._known_types.clear()

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, state)."""
        return _by_encoding(self._texts, self._others)

    def clear(self) -> None:
        """Drop all states."""
        self._texts.clear()
        self._others.clear()

    def size(self) -> int:
        """About how many bytes it holds."""
        return size_of(self._texts) + size_of(self._others)

    measure = size


class FastPathMissed(NotOfUserCode):
    """A loop without checks met something that needs them: the task starts over, with the loops that check."""


class IntegerSums(AggregationStates):
    """Adds up integers by text keys with a bare `+`: what `Sum` does, faster.

    The first records are folded with all checks, so that jobs that sum floats or have other keys show there. A float
    that first comes later is added inexactly; the type of its total reveals that at the end, in time to start over.
    """

    def __init__(self) -> None:
        super().__init__(Sum())
        self._is_opening, self._is_plain = True, False

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> Iterator[None]:
        """Map records and add up what comes out. Raises FastPathMissed."""
        if self._is_opening:
            self._is_opening = False
            yield from super().fold(mapper, islice(records, OPENING_RECORDS))
            self._is_plain = not self._others and self._is_whole()
        if self._is_plain:
            try:
                yield from demand_texts(loops.add(mapper, records, self._texts), self._texts)
            except TypeError as error:
                if raised_in_user_code(error.__traceback__):
                    raise
                raise FastPathMissed from error  # a timedelta, say, which a bare `+` doesn't add to 0
        else:
            yield from super().fold(mapper, records)

    def interrupt(self) -> None:
        """Make a running `fold` yield at the next pair; if it just adds, at the next new key."""
        super().interrupt()
        if self._is_plain:  # then `loops.add` restores the default, and nothing else needs it
            self._texts.default_factory = None

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, total). Raises FastPathMissed."""
        if self._is_plain and not self._is_whole():
            raise FastPathMissed
        return super().items()

    def _is_whole(self) -> bool:
        return set(map(type, self._texts.values())) <= {int}


class ValueLists:
    """Keeps the values of each key in input order, and runs the user's combiner over them at the end."""

    def __init__(self, begin_combiner: Callable[[], BegunFunction] | None = None, extra: int = 0) -> None:
        self._begin_combiner = begin_combiner
        self._extra = extra  # bytes that a value takes beside itself when it is written
        self._known_types = set(IMMUTABLE)
        self._texts: Values = defaultdict(list)
        self._others: Values = defaultdict(list)
        self.clear()

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> Iterator[None]:
        """Map records and group what comes out."""
        return loops.gather_any(mapper, records, self._texts, self._others, self._known_types)

    def interrupt(self) -> None:
        """Have a running `fold` yield at the next pair."""
        self._known_types.clear()

    def items(self) -> Iterable[runs.Item]:
        """(encoded key, list of values); long lists in pieces."""
        return self._combined() if self._combiner else _in_pieces(_by_encoding(self._texts, self._others))

    def clear(self) -> None:
        """Drop all values, and begin with a fresh combiner."""
        self._texts.clear()
        self._others.clear()
        self._blocks = self._measured = self._size = 0
        self._combiner = self._begin_combiner() if self._begin_combiner else None

    def size(self) -> int:
        """About how many bytes it holds: measured now and then, since that is slow, and extrapolated by batches."""
        self._blocks += 1
        if self._blocks >= self._measured + max(1, self._measured // 4):
            self._measured, self._size = self._blocks, self.measure()
        return self._size * self._blocks // self._measured

    def measure(self) -> int:
        """About how many bytes it holds, by its first and last entries."""
        texts, others = (sum(map(len, lists.values())) for lists in (self._texts, self._others))
        size = size_of(self._texts, texts) + size_of(self._others, others)
        return size + (texts + others) * self._extra

    def _combined(self) -> Iterable[runs.Item]:
        assert self._combiner
        combined: defaultdict[bytes, list[Any]] = defaultdict(list)
        for kept, values in chain(self._texts.items(), self._others.items()):
            key = keys.original(kept)
            for out_key, out_value in _pairs(self._combiner.call(key, iter(values)), f" (for the key {shown(key)})"):
                combined[keys.encode(out_key)].append(out_value)
        for out_key, out_value in _pairs(self._combiner.finish(), " (from its finish)"):
            combined[keys.encode(out_key)].append(out_value)
        return _in_pieces(combined.items())


class TextValueLists(ValueLists):
    """The same for text keys, without checking each. If the first records have other keys, all are checked."""

    def __init__(self, begin_combiner: Callable[[], BegunFunction] | None = None, extra: int = 0) -> None:
        super().__init__(begin_combiner, extra)
        self._is_opening = self._is_plain = True

    def fold(self, mapper: Mapper, records: Iterator[Any]) -> Iterator[None]:
        """Map records and group what comes out. Raises FastPathMissed."""
        if self._is_opening:
            self._is_opening = False
            yield from super().fold(mapper, islice(records, OPENING_RECORDS))
            self._is_plain = not self._others
        if self._is_plain:
            yield from demand_texts(loops.gather(mapper, records, self._texts, self._known_types), self._texts)
        else:
            yield from super().fold(mapper, records)


def demand_texts(loop: Iterator[None], found: dict[Any, Any]) -> Iterator[None]:
    """Run a loop that checks no keys, and check the new ones whenever it yields, and at its end.

    Raises FastPathMissed: one isn't text.
    """
    known = len(found)
    for _ in loop:
        _demand_texts(found, known)
        yield
        known = len(found)
    _demand_texts(found, known)


def _demand_texts(found: dict[Any, Any], known: int) -> None:
    if not set(map(type, islice(reversed(found), len(found) - known))) <= {str}:
        raise FastPathMissed


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
            for at in range(0, len(values), PIECE_VALUES):
                yield key, values[at : at + PIECE_VALUES]


def _pairs(emitted: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """What a combiner emitted, each checked to be a pair."""
    if problem := wrong_return("the combiner", emitted, "(key, value) pairs"):
        raise PermanentFailure("combiner", problem + where)
    for pair in emitted:
        if not is_pair(pair):
            raise PermanentFailure(
                "combiner", f"the combiner must emit (key, value) pairs, but emitted {shown(pair)}{where}"
            )
        yield pair[0], taken(pair[1])
