"""A file of a store as PyArrow reads files: any range of it, the row group that is being read by one request."""

import io
from collections.abc import Callable


class RangeFile(io.RawIOBase):
    """Bytes by `read(start, stop)`, of a file of so many bytes."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read = read
        self._size = size
        self._at = 0
        self._held = (0, b"")

    def hold(self, start: int, stop: int) -> None:
        """Read a range at once, from which later reads are answered."""
        self._held = start, self._read(start, stop)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        start = self._at
        stop = self._size if size is None or size < 0 else min(start + size, self._size)
        begin, held = self._held
        within = begin <= start and stop <= begin + len(held)
        found = held[start - begin : stop - begin] if within else self._read(start, stop) if start < stop else b""
        self._at += len(found)
        return found
