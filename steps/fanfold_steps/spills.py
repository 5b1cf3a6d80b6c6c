"""Spills: what doesn't fit into memory goes to disk as sorted runs, and comes back merged."""

import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from fanfold_steps import runs
from fanfold_steps.aggregations import Aggregation
from fanfold_steps.merge import merge
from fanfold_storage.objects.filesystem import FilesystemObjects

MEMORY = 512 << 20
"""Bytes that a task may hold of keys and values, by estimate, before it spills them."""

_SAMPLES = 32
_SLOT = 100  # bytes of a dict's slot at its usual load


class Spills:
    """Runs in a folder of their own, which goes when the task ends, well or not."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sizes: list[int] = []

    def __enter__(self) -> "Spills":
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._folder.cleanup()

    def __len__(self) -> int:
        return len(self._sizes)

    def write(self, segments: Iterable[Iterable[runs.Item]]) -> None:
        """Put one more run on disk, a sorted segment for each partition. Raises runs.Unpicklable."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fanfold-spill-")
        self._sizes.append(self._objects.put(f"spill-{len(self)}.run", runs.pack(segments)))

    def merged(self, partition: int, last: Iterable[runs.Item]) -> Iterator[runs.Item]:
        """A partition's items of all runs and of a last segment that stayed in memory, by key, stably."""
        if not self._sizes:
            return iter(last)
        written = [
            runs.read_segment(self._objects, f"spill-{number}.run", size, partition)
            for number, size in enumerate(self._sizes)
        ]
        return merge([*written, iter(last)], self._objects)

    @property
    def _objects(self) -> FilesystemObjects:
        assert self._folder
        return FilesystemObjects(Path(self._folder.name))


def combined(aggregation: Aggregation, items: Iterator[runs.Item]) -> Iterator[runs.Item]:
    """Sorted items with the states of equal keys merged into one."""
    for key, group in groupby(items, key=itemgetter(0)):
        yield key, reduce(aggregation.merge, map(itemgetter(1), group))


def size_of(entries: dict[Any, Any], values: int = 0) -> int:
    """About how many bytes a dict holds with its keys and values, by its first and last entries.

    For a dict of lists `values` is how many items the lists have in all.
    """
    sample = [*islice(entries.items(), _SAMPLES), *islice(reversed(entries.items()), _SAMPLES)]
    if not sample:
        return 0
    keys = _SLOT + sum(_deep(key) for key, _ in sample) // len(sample)
    if not values:
        return len(entries) * (keys + sum(_deep(value) for _, value in sample) // len(sample))
    last = [8 + _deep(items[-1]) for _, items in sample]
    return len(entries) * (keys + 88) + values * (sum(last) // len(last))


def _deep(value: Any, depth: int = 3) -> int:
    size = sys.getsizeof(value)
    if depth and isinstance(value, list | tuple | set | frozenset | dict) and value:
        some = list(islice(value.items() if isinstance(value, dict) else value, 8))
        size += len(value) * sum(_deep(item, depth - 1) for item in some) // len(some)
    return size
