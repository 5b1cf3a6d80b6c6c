"""Transfer many files between a local folder and the service, several at a time, and show the progress."""

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from fanfold.terminal.display import Display
from fanfold.terminal.progress import Rate, transfer_line
from fanfold_client.api.collections import Files
from fanfold_client.api.problems import Refused
from fanfold_client.api.responses import File
from fanfold_storage.objects import validate_key

PARALLEL_TRANSFERS = 4

_REFUSED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Local:
    """A local file, and its path in the service."""

    source: Path
    path: str


def local_files(source: Path, target: str) -> list[Local]:
    """The file, or every file below the folder, with its path in the service, in the order of paths.

    Args:
        source: a file or a folder; below it, symlinks to files are followed.
        target: a path in the service; a folder if `source` is one, or if it ends with `/`.

    Raises:
        Refused: the source doesn't exist, or is an empty folder, or two files would have one path.
    """
    if source.is_file():
        return [Local(source, target + stored_name(source.name) if target.endswith("/") or not target else target)]
    if not source.is_dir():
        raise Refused(f"there is no file or folder {source}: check the path")
    base = f"{target.rstrip('/')}/" if target else ""
    files = [
        Local(path, base + stored_name(path.relative_to(source).as_posix()))
        for folder, _, names in os.walk(source)
        for path in (Path(folder, name) for name in names)
        if path.is_file()
    ]
    if not files:
        raise Refused(f"the folder {source} contains no files")
    return distinct(sorted(files, key=lambda file: file.path.encode()))


def distinct(files: Sequence[Local]) -> list[Local]:
    """The files, if each has a path of its own in the service. Raises Refused."""
    by_path: dict[str, Local] = {}
    for file in files:
        if (other := by_path.setdefault(file.path, file)) is not file:
            both = f"{str(other.source)!r} and {str(file.source)!r}"
            raise Refused(f"{both} would both be {file.path} in the service: rename one of them")
    return list(files)


def stored_name(path: str) -> str:
    r"""The path under which the service stores a file: in UTF-8 and without control characters, so others are escaped.

    >>> stored_name("new\nline/caf\udce9.txt"), stored_name("100%.txt")
    ('new%0Aline/caf%E9.txt', '100%.txt')
    """
    return "".join(quote(os.fsencode(one)) if _REFUSED.match(one) else one for one in path)


def upload(store: Files, files: Sequence[Local], display: Display) -> list[File]:
    """Store the files, several at a time. The first failure stops the upload; files already stored remain."""
    progress = _Progress("upload", len(files), sum(file.source.stat().st_size for file in files), display)

    def put(file: Local) -> File:
        stored = store.put(file.path, file.source, progress.add_bytes)
        progress.add_file()
        return stored

    return _in_parallel(put, files, progress)


def fetch(store: Files, files: Sequence[File], base: str, target: Path, display: Display) -> list[Path]:
    """Fetch files to `target`, each under its path without the prefix `base`. A file appears complete or not at all."""
    progress = _Progress("download", len(files), sum(file["size"] for file in files), display)

    def get(file: File) -> Path:
        place = target / validate_key(file["path"].removeprefix(base)) if file["path"] != base else target
        write_atomically(place, progress.observe(store.read(file["path"])))
        progress.add_file()
        return place

    return _in_parallel(get, files, progress)


def fetch_to(store: Files, path: str, target: Path, display: Display) -> tuple[Sequence[File], Path]:
    """Fetch the file at a path to `target`, or into it if it is a folder; or fetch all files of a folder below it.

    Returns what was fetched, and where it is now. Raises NotFound: nothing is there.
    """
    files = store.find(path)
    base = f"{path.rstrip('/')}/" if path else ""
    if [file["path"] for file in files] == [path]:
        base = path
        target = target / path.rpartition("/")[2] if target.is_dir() else target
    fetch(store, files, base, target, display)
    return files, target


def write_atomically(place: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under a temporary name and rename it, so that nobody sees a partial file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.writelines(chunks)
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class _Stopped(Exception):
    """Another file failed, or the user pressed Ctrl-C: this transfer stops."""


class _Progress:
    """Adds up what the threads report, and stops them once one has failed."""

    def __init__(self, label: str, files: int, total: int, display: Display) -> None:
        self._label, self._files, self._total, self._display = label, files, total, display
        self._lock = threading.Lock()
        self._rate = Rate()
        self._done_files = self._done = 0
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def add_bytes(self, count: int) -> None:
        if self._stopped:
            raise _Stopped
        with self._lock:
            self._done += count
            self._show()

    def add_file(self) -> None:
        with self._lock:
            self._done_files += 1
            self._show()

    def observe(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.add_bytes(len(chunk))
            yield chunk

    def _show(self) -> None:
        count, complete = f"{self._done_files}/{self._files} files", self._done_files == self._files
        rate = self._rate.update(self._done)
        self._display.show([transfer_line(self._label, self._done, self._total, rate, count, complete=complete)])


def _in_parallel(work: Callable[[A], B], items: Sequence[A], progress: _Progress) -> list[B]:
    """Do the work for each item, several at a time, with results in order; a failure or Ctrl-C stops everything."""
    pool = ThreadPoolExecutor(PARALLEL_TRANSFERS)
    try:
        futures = [pool.submit(work, item) for item in items]
        for future in as_completed(futures):
            future.result()
        return [future.result() for future in futures]
    except BaseException:
        progress.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
