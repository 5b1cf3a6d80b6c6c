"""Whole lines as records, in blocks: for what comes as lines and is written as lines, nothing is taken apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fanfold_steps.formats.protocol import Encoder


@dataclass(frozen=True, slots=True)
class LineRecords:
    """Records that are lines. Whoever iterates gets texts; who writes lines takes the blocks."""

    blocks: Iterator[bytes]
    """Whole lines, each ended by LF, some at once."""
    format: str = "text"
    """The format whose lines they are; written in any other, they are texts."""

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks:
            lines = block.decode("utf-8", "surrogateescape").split("\n")
            lines.pop()
            yield from lines


class LinesWriter:
    """Writes blocks of whole lines."""

    def __init__(self, suffix: str = ".txt") -> None:
        self.suffix = suffix

    def begin(self) -> Encoder:
        """Begin a part."""
        return _LinesEncoder()


class _LinesEncoder:
    columns = None

    def encode(self, records: Sequence[bytes]) -> bytes:
        return b"".join(records)

    def end(self) -> tuple[()]:
        return ()
