"""Scratch: a task's own folder on this machine's disk, made when it is first needed, gone when the task ends."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fanfold_storage.objects.filesystem import FilesystemObjects


@dataclass(slots=True)
class Spilled:
    """How often something was written to disk because it didn't fit into memory, and how many bytes that were."""

    on_spill: Callable[[int], None]
    """Called with how often that is by now."""
    times: int = 0
    bytes: int = 0


_counting: list[Spilled] = []


@contextmanager
def counted_spills(on_spill: Callable[[int], None]) -> Iterator[Spilled]:
    """Counts what all scratch folders of this process take for lack of memory, while the context is open."""
    spilled = Spilled(on_spill)
    _counting.append(spilled)
    try:
        yield spilled
    finally:
        _counting.remove(spilled)


class Scratch:
    """Objects that only this task sees and nobody needs afterwards."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._objects: FilesystemObjects | None = None

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder:
            self._folder.cleanup()

    @property
    def objects(self) -> FilesystemObjects:
        """The folder."""
        if self._objects is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fanfold-scratch-")
            self._objects = FilesystemObjects(Path(self._folder.name))
        return self._objects

    def spill(self, key: str, chunks: Iterable[bytes]) -> int:
        """Write what doesn't fit into memory, and return its size in bytes."""
        size = self.objects.put(key, chunks, hint=True)
        for spilled in _counting:
            spilled.times += 1
            spilled.bytes += size
            spilled.on_spill(spilled.times)
        return size
