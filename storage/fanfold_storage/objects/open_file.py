"""An open file: its descriptor goes on meaning the same bytes, whatever its name leads to by now."""

import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from fanfold_storage.errors import Unavailable
from fanfold_storage.objects.folders import explained
from fanfold_storage.objects.protocol import Stat

CHUNK = 1024 * 1024


class OpenFile:
    """A regular file that was opened for reading; it takes the descriptor over."""

    def __init__(self, descriptor: int, key: str, path: Path) -> None:
        self._descriptor, self._path = descriptor, path
        self.close = weakref.finalize(self, os.close, descriptor)
        status = os.fstat(descriptor)
        self.stat = Stat(key, status.st_size, status.st_mtime)
        self.version = f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of the range in chunks of at most 1 MiB."""
        while start < stop:
            with explained("read", self._path):
                chunk = os.pread(self._descriptor, min(CHUNK, stop - start), start)
            if not chunk:
                raise Unavailable(f"{self._path} was cut short while it was being read: read it again")
            start += len(chunk)
            yield chunk
