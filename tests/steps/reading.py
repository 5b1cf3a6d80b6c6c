"""A store that gives its one object in chunks of a chosen size, and reading it cut into ranges of any size."""

from collections.abc import Iterator
from typing import Any

from fanfold_steps.formats import BadRecord, open_source, read, reader
from fanfold_storage.objects import Stat


class Chunked:
    url = "file:///t/"

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = data, size

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        data = self.data[start:stop]
        return (data[at : at + self.size] for at in range(0, len(data), self.size))

    def stat(self, key: str) -> Stat:
        return Stat(key, len(self.data), 0.0)


def read_in_ranges(
    format: Any, data: bytes, split_size: int, chunk: int = 1 << 20, key: str = "f"
) -> tuple[list[tuple[int, Any]], list[BadRecord]]:
    """All records, each with its offset, and all that is none, of ranges that are read one by one."""
    store: Any = Chunked(data, chunk)
    found: list[tuple[int, Any]] = []
    bad: list[BadRecord] = []
    for start in range(0, len(data), split_size):
        source = open_source(store, key, format.compress)
        for block in read(reader(format), source, start, min(start + split_size, len(data))):
            records = block.records()
            found += zip(block.offsets(), records, strict=False)
            bad += block.bad
    return found, bad
