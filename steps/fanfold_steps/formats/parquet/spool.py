"""Row groups that wait until the types of a part's columns are known: the last one in memory, others on disk."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from fanfold_steps.formats.parquet.pyarrow_import import load_pyarrow


class Spool:
    """Takes tables and gives them again, in order. It goes with the process, or when it is let go."""

    def __init__(self) -> None:
        self._last: Any = None
        self._file: IO[bytes] | None = None
        self._places: list[int] = []

    def add(self, table: Any) -> None:
        """Keep one more."""
        if self._last is not None:
            self._write(self._last)
        self._last = table

    def tables(self) -> Iterator[Any]:
        """All of them; each may be let go before the next comes."""
        pa = load_pyarrow()
        for place in self._places:
            assert self._file
            self._file.seek(place)
            with pa.ipc.open_stream(self._file) as stream:
                yield stream.read_all()
        if self._last is not None:
            yield self._last
        self.close()

    def close(self) -> None:
        """Give the disk's room back."""
        if self._file:
            self._file.close()
        self._file, self._last, self._places = None, None, []

    def _write(self, table: Any) -> None:
        if self._file is None:
            self._file = TemporaryFile(prefix="fanfold-scratch-")  # noqa: SIM115
        self._places.append(self._file.seek(0, 2))
        with load_pyarrow().ipc.new_stream(self._file, table.schema) as stream:
            stream.write_table(table)
