"""The head of a sorted segment that is being merged: its one block that is in memory."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Head(Generic[Item]):
    """The block of a segment that is in memory, and how many of its items have been taken."""

    def __init__(self, segment: Iterator[list[Item]]) -> None:
        self._segment = segment
        self.items: list[Item] = []
        self.taken = 0

    def fill(self) -> bool:
        """Read the next block if all items have been taken; False at the segment's end."""
        if self.taken == len(self.items):
            self.items, self.taken = next(self._segment, []), 0
        return bool(self.items)

    def take(self, stop: int) -> list[Item]:
        """The next items of the block, up to number `stop`."""
        start, self.taken = self.taken, stop
        return self.items[start:stop]

    def rest(self) -> Iterator[list[Item]]:
        """All remaining items, block by block."""
        yield self.items[self.taken :]
        yield from self._segment


def heads_of(segments: list[Iterator[list[Item]]]) -> list[Head[Item]]:
    """The heads of the segments that aren't empty, in their order."""
    return [head for head in map(Head, segments) if head.fill()]
