"""Collecting the lines that go to a reducer program by key, without taking lines apart.

A run holds the lines of a key unchanged, one after the other, so that a reducer is fed by concatenating them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from fanfold_steps.formats.text import line as as_line
from fanfold_steps.job.spec import Program
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.programs.line_keys import FindKeys, keyed_by
from fanfold_steps.records.mappers import as_written
from fanfold_steps.records.pairs import WrongResult
from fanfold_steps.sorting import runs
from fanfold_steps.stage.setup import StageSetup

PIECE_BYTES = 64 << 10  # of one key's lines in one item; more for longer keys, which are repeated in each piece
MOST_LINES = 1 << 16  # of pairs, taken in at once
TRY_EVERY = 32  # blocks: if lines aren't repeated, try again later
_ENTRY = 200  # bytes that a key and its list of lines take besides their content, including while they are sorted

Blocks = Iterator[bytes]
"""Blocks of whole lines."""
BY_TAB = keyed_by(None, None, 1)


class NotALine(WrongResult):
    """A pair that wouldn't be exactly one line."""


class LineCollector:
    """Keeps the lines of each key in the order in which they come; `key` finds the keys of lines.

    `combine`, if there is one, is the combiner: it takes all lines, sorted by key, and returns others, whose keys
    `combined` finds.
    """

    def __init__(
        self,
        key: FindKeys = BY_TAB,
        combine: Callable[[Blocks], Blocks] | None = None,
        combined: FindKeys = BY_TAB,
    ) -> None:
        self._key = key
        self._combine = combine
        self._combined = combined
        self._keys: list[bytes] = []
        self._lines: list[bytes] = []
        """For each key in `_keys`, its lines in one block."""
        self._size = self._blocks = 0
        self._repeats = True
        """Whether most lines of the last block occurred in it more than once."""

    def take(self, block: bytes) -> None:
        """Add a block of whole lines.

        If lines repeat, counting them first leaves fewer to find keys in. If they don't, that would only cost time, so
        it is tried again only every `TRY_EVERY` blocks.
        """
        lines = block.split(b"\n")
        lines.pop()
        known = len(self._keys)
        if (self._repeats or self._blocks % TRY_EVERY == 0) and (counted := self._counted(lines)):
            self._repeats = True
            self._keys += counted[0]
            self._lines += counted[1]
        else:
            self._repeats = False
            self._group(lines)
        self._blocks += 1
        self._size += len(block) + sum(map(len, self._keys[known:])) + _ENTRY * (len(self._keys) - known)

    def fold(self, mapper: Callable[[Any], Iterable[Any]], records: Iterator[Any]) -> Iterator[None]:
        """Add the blocks of lines that a program wrote, or the pairs of a function, as lines."""
        if mapper is as_written:
            for block in records:
                self.take(block)
            return
        lines: list[str] = []
        for record in records:
            for key, value in mapper(record):
                text = as_line((key, value))
                if text.find("\n") != len(text) - 1:
                    raise NotALine("a pair goes to a program as one line, but a key or a value contains a line break")
                lines.append(text)
                if len(lines) == MOST_LINES or len(text) > PIECE_BYTES:
                    self._take_lines(lines)
                    lines.clear()
                    yield
        self._take_lines(lines)

    def interrupt(self) -> None:
        """Does nothing: `fold` counts lines, and yields by itself."""

    def clear(self) -> None:
        """Drop all lines."""
        self._keys, self._lines, self._size = [], [], 0

    def items(self) -> list[runs.Item]:
        """(encoded key, lines), combined; many lines of a key in pieces. The collector is empty afterwards."""
        if self._combine is None:
            return self._own_items()
        combined = LineCollector(self._combined)
        items = self._own_items()
        items.sort(key=itemgetter(0))
        for block in self._combine(in_blocks(map(itemgetter(1), items))):
            combined.take(block)
        return combined._own_items()

    def size(self) -> int:
        """Approximate bytes that it holds."""
        return self._size

    measure = size

    def _take_lines(self, lines: list[str]) -> None:
        self.take("".join(lines).encode("utf-8", "surrogateescape"))

    def _counted(self, lines: list[bytes]) -> tuple[list[bytes], list[bytes]] | None:
        """Each key with its lines, by counting equal lines; None if few are equal, or a key has different ones."""
        counts = Counter(lines)
        if 2 * len(counts) > len(lines):
            return None
        keys, sent = self._key(list(counts))
        if len(set(keys)) < len(keys):
            return None
        return keys, [(line + b"\n") * count for line, count in zip(sent, counts.values(), strict=True)]

    def _group(self, lines: list[bytes]) -> None:
        """Add each key with its lines in order."""
        keys, sent = self._key(lines)
        if 2 * len(set(keys)) > len(keys):  # those of a key are joined when all are sorted
            self._keys += keys
            self._lines += [line + b"\n" for line in sent]
            return
        groups: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for key, line in zip(keys, sent, strict=True):
            groups[key].append(line)
        for group in groups.values():
            group.append(b"")
        self._keys += groups
        self._lines += map(b"\n".join, groups.values())

    def _own_items(self) -> list[runs.Item]:
        are_distinct = 2 * len(set(self._keys)) > len(self._keys)  # most of them; a key may have several items
        are_short = max(map(len, self._lines), default=0) <= PIECE_BYTES
        items = list(zip(self._keys, self._lines, strict=True))
        self.clear()
        if are_distinct and are_short:
            return items
        items.sort(key=itemgetter(0))
        return [piece for item in _by_key(_drained(items)) for piece in _pieces(*item)]


def _drained(items: list[runs.Item]) -> Iterator[runs.Item]:
    """The items in order; the list drops each one."""
    items.reverse()
    while items:
        yield items.pop()


def _by_key(items: Iterable[runs.Item]) -> Iterator[runs.Item]:
    """Join the sorted items of each key to one, or to several of about a piece's length."""
    for key, group in groupby(items, key=itemgetter(0)):
        for block in in_blocks(map(itemgetter(1), group), max(PIECE_BYTES, len(key))):
            yield key, block


def _pieces(key: bytes, lines: bytes) -> Iterator[runs.Item]:
    """A key's lines in pieces. Each piece repeats the key, so pieces are longer if the key is long."""
    size = max(PIECE_BYTES, len(key) + 1)
    for at in range(0, len(lines), size):
        yield key, lines[at : at + size]


def line_collector(setup: StageSetup, mapper: Program | None, programs: Programs) -> Callable[[], LineCollector] | None:
    """What makes the collector of a mapper's lines for a reducer program; None if the reducer isn't a program."""
    stage, partitions = setup.stage, setup.partitions
    if not isinstance(stage.reduce, Program):
        return None
    key, combiner = keyed_by(mapper, stage.fields, partitions), stage.combine
    if not isinstance(combiner, Program):
        return partial(LineCollector, key)
    combined = keyed_by(combiner, stage.fields, partitions)
    return partial(LineCollector, key, lambda blocks: programs.lines("combiner", combiner, blocks), combined)


def in_blocks(pieces: Iterable[bytes], size: int = 1 << 20) -> Blocks:
    """Join pieces to blocks of about `size` bytes."""
    waiting: list[bytes] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)


def pairs(block: bytes, fields: int = 1, separator: str = "\t") -> list[tuple[str, str]]:
    r"""Lines as pairs of strings, for a function; the value of a line without a separator is empty.

    >>> pairs(b"a\t1\nb\n")
    [('a', '1'), ('b', '')]
    """
    lines = block.decode("utf-8", "surrogateescape").split("\n")
    lines.pop()
    if fields == 1:
        return [(key, value) for key, _, value in [line.partition(separator) for line in lines]]
    split = [line.split(separator, fields) for line in lines]
    return [(separator.join(parts[:fields]), parts[fields] if len(parts) > fields else "") for parts in split]
