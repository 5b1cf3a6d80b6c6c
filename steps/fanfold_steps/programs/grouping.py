"""Lines by key: what a program writes, brought together as it comes, without taking lines apart.

The shuffle carries a key's lines as they are, one after the other, so that a reducer is fed by putting them together.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fanfold_steps import runs
from fanfold_steps.formats.text import line
from fanfold_steps.key_bytes import BYTES
from fanfold_steps.mappers import WrongResult, as_written
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.spec import Program, StageSpec

PIECE_BYTES = 64 << 10  # of one key's lines, carried as one item
_KEY, _CHUNK = 250, 50  # bytes of memory that a key and a chunk take beside what they hold

Blocks = Iterator[bytes]
"""Whole lines, some at once."""


class NotALine(WrongResult):
    """A pair that isn't one line when it is written."""


class Lines:
    """Keeps the lines of each key in the order in which they come.

    A key is what comes before the first tab, or before the tab after `fields` of them; without one, the whole line.
    `combine`, if there is one, makes lines of all the lines, sorted by key; `combined` fields of them are their key.
    """

    def __init__(self, fields: int = 1, combine: Callable[[Blocks], Blocks] | None = None, combined: int = 1) -> None:
        self._fields = fields
        self._combine = combine
        self._combined = combined
        self._chunks: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self._size = 0

    def take(self, block: bytes) -> None:
        """Take in whole lines."""
        lines = block.split(b"\n")
        lines.pop()
        groups = _Groups(self._fields)
        deque(map(list.append, map(groups.__getitem__, lines), lines), 0)
        self._size += len(block)
        for key, found in groups.by_key.items():
            found.append(b"")
            self._chunks[key].append(b"\n".join(found))
        self._size += _CHUNK * len(groups.by_key)

    def fold(self, mapper: Callable[[Any], Iterable[Any]], records: Iterator[Any]) -> None:
        """Take in the blocks of lines that a program wrote, or a function's pairs as lines."""
        if mapper is as_written:
            for block in records:
                self.take(block)
            return
        lines: list[str] = []
        for record in records:
            written = [line((key, value)) for key, value in mapper(record)]
            text = "".join(written)
            if text.count("\n") != len(written):
                raise NotALine("what goes to a program is one line, but a key or a value holds a line's end")
            lines.append(text)
        self.take("".join(lines).encode("utf-8", "surrogateescape"))

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, lines), combined; many lines in pieces."""
        if self._combine is None:
            yield from self._own_items()
            return
        combined = Lines(self._combined)
        for block in self._combine(self._sorted()):
            combined.take(block)
        yield from combined._own_items()

    def check(self, value: object) -> str | None:
        """Any value will do."""
        return None

    def size(self) -> int:
        """About how many bytes it holds."""
        return self._size + _KEY * len(self._chunks)

    def _own_items(self) -> Iterator[runs.Item]:
        while self._chunks:  # what is given out is held no longer
            key, chunks = self._chunks.popitem()
            data = b"".join(chunks)
            for at in range(0, len(data), PIECE_BYTES):
                yield BYTES + key, data[at : at + PIECE_BYTES]

    def _sorted(self) -> Blocks:
        return together(data for key in sorted(self._chunks) for data in self._chunks.pop(key))


def lines_of(stage: StageSpec, mapper: Program | None, programs: Programs) -> Callable[[], Lines] | None:
    """What begins to take in a mapper's lines for a reducer that is a program; None for another reducer, or none."""
    if not isinstance(stage.reduce, Program):
        return None
    fields, combiner = (mapper.key_fields if mapper else 1), stage.combine
    if not isinstance(combiner, Program):
        return lambda: Lines(fields)
    return lambda: Lines(fields, lambda blocks: programs.lines("combiner", combiner, blocks), combiner.key_fields)


class _Groups(dict[bytes, list[bytes]]):
    """By a line, the lines of its key: most lines come again, and are then looked up as they are."""

    def __init__(self, fields: int) -> None:
        super().__init__()
        self.by_key: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self._fields = fields

    def __missing__(self, line: bytes) -> list[bytes]:
        if self._fields == 1:
            key = line.partition(b"\t")[0]
        else:
            key = b"\t".join(line.split(b"\t", self._fields)[: self._fields])
        group = self[line] = self.by_key[key]
        return group


def together(pieces: Iterable[bytes], size: int = 1 << 20) -> Blocks:
    """Pieces in blocks of about a size."""
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


def pairs(block: bytes, fields: int = 1) -> list[tuple[str, str]]:
    r"""Lines as pairs of texts, for a function to take; without a tab the value is empty.

    >>> pairs(b"a\t1\nb\n")
    [('a', '1'), ('b', '')]
    """
    lines = block.decode("utf-8", "surrogateescape").split("\n")
    lines.pop()
    if fields == 1:
        return [(key, value) for key, _, value in [line.partition("\t") for line in lines]]
    split = [line.split("\t", fields) for line in lines]
    return [("\t".join(parts[:fields]), parts[fields] if len(parts) > fields else "") for parts in split]
