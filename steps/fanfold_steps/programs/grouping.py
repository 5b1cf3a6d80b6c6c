"""Lines by key: what a program writes, brought together as it comes, without taking lines apart.

The shuffle carries a key's lines as they are, one after the other, so that a reducer is fed by putting them together.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fanfold_steps import runs
from fanfold_steps.formats.text import line as as_line
from fanfold_steps.key_bytes import BYTES
from fanfold_steps.mappers import WrongResult, as_written
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.spec import Program, StageSpec

PIECE_BYTES = 64 << 10  # of one key's lines, carried as one item
TRY_EVERY = 32  # blocks: where lines didn't come again, they may do so later
_KEY, _CHUNK = 250, 50  # bytes of memory that a key and what a block has of it take beside what they hold

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
        self._found: dict[bytes, Any] = {}
        """By key its lines: bytes from one block, or a list of those from several."""
        self._size = self._taken = 0
        self._repeats = True

    def take(self, block: bytes) -> None:
        """Take in whole lines."""
        lines = block.split(b"\n")
        lines.pop()
        counted = self._counted(lines) if self._repeats or self._taken % TRY_EVERY == 0 else None
        self._repeats = counted is not None
        self._taken += 1
        found = self._found
        keys, chunks = len(found), 0
        for key, data in counted or self._grouped(lines):
            chunks += 1
            before = found.get(key)
            if before is None:
                found[key] = data
            elif type(before) is list:
                before.append(data)
            else:
                found[key] = [before, data]
        self._size += len(block) + _KEY * (len(found) - keys) + _CHUNK * chunks

    def fold(self, mapper: Callable[[Any], Iterable[Any]], records: Iterator[Any]) -> None:
        """Take in the blocks of lines that a program wrote, or a function's pairs as lines."""
        if mapper is as_written:
            for block in records:
                self.take(block)
            return
        texts: list[str] = []
        for record in records:
            written = [as_line((key, value)) for key, value in mapper(record)]
            text = "".join(written)
            if text.count("\n") != len(written):
                raise NotALine("what goes to a program is one line, but a key or a value holds a line's end")
            texts.append(text)
        self.take("".join(texts).encode("utf-8", "surrogateescape"))

    def items(self) -> Iterator[runs.Item]:
        """(encoded key, lines), combined; many lines in pieces. They are held no longer."""
        if self._combine is None:
            yield from self._own_items()
            return
        combined = Lines(self._combined)
        for block in self._combine(together(self._sorted())):
            combined.take(block)
        yield from combined._own_items()

    @staticmethod  # whoever keeps it doesn't keep what is held
    def check(value: object) -> str | None:
        """Any value will do."""
        return None

    def size(self) -> int:
        """About how many bytes it holds."""
        return self._size

    look = size

    def _counted(self, lines: list[bytes]) -> list[tuple[bytes, bytes]] | None:
        """Each key with its lines, if most come again, and each key has one alone: nothing is done for each of them."""
        counts = Counter(lines)
        if 2 * len(counts) > len(lines):
            return None
        keys = self._keys(counts)
        if len(set(keys)) < len(keys):
            return None
        pairs = zip(keys, counts.items(), strict=True)
        return [(key, (line + b"\n") * count) for key, (line, count) in pairs]

    def _grouped(self, lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Each key with its lines in order."""
        groups: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for key, line in zip(self._keys(lines), lines, strict=True):
            groups[key].append(line)
        for key, group in groups.items():
            group.append(b"")
            yield key, b"\n".join(group)

    def _keys(self, lines: Iterable[bytes]) -> list[bytes]:
        fields = self._fields
        if fields == 1:
            return [line.partition(b"\t")[0] for line in lines]
        return [b"\t".join(line.split(b"\t", fields)[:fields]) for line in lines]

    def _own_items(self) -> Iterator[runs.Item]:
        while self._found:
            key, data = self._found.popitem()
            joined = b"".join(data) if type(data) is list else data
            for at in range(0, len(joined), PIECE_BYTES):
                yield BYTES + key, joined[at : at + PIECE_BYTES]

    def _sorted(self) -> Blocks:
        for key in sorted(self._found):
            data = self._found.pop(key)
            yield b"".join(data) if type(data) is list else data


def lines_of(stage: StageSpec, mapper: Program | None, programs: Programs) -> Callable[[], Lines] | None:
    """What begins to take in a mapper's lines for a reducer that is a program; None for another reducer, or none."""
    if not isinstance(stage.reduce, Program):
        return None
    fields, combiner = (mapper.key_fields if mapper else 1), stage.combine
    if not isinstance(combiner, Program):
        return lambda: Lines(fields)
    return lambda: Lines(fields, lambda blocks: programs.lines("combiner", combiner, blocks), combiner.key_fields)


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
