"""Scratch: a task's own folder on this machine's disk, made when it is first needed, gone when the task ends."""

import tempfile
from pathlib import Path

from fanfold_storage.objects.filesystem import FilesystemObjects


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
