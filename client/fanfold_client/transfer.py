"""Move many files at a time between a local folder and the service, with progress."""

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fanfold.verbs.progress import Display, Rate, moved
from fanfold_client.answers import File
from fanfold_client.client import Client
from fanfold_client.problems import NotFound, Refused
from fanfold_storage.objects import validate_key

AT_ONCE = 4

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Local:
    """A local file and the path it has in the service."""

    source: Path
    path: str


def local_files(source: Path, target: str) -> list[Local]:
    """The file, or every file below the folder, with its path below `target`, in order of paths.

    `target` names a folder if `source` is one or if it ends with `/`. Of links, those to files are followed.

    Raises:
        Refused: there is nothing there, or only an empty folder.
    """
    if source.is_file():
        return [Local(source, target + source.name if target.endswith("/") or not target else target)]
    if not source.is_dir():
        raise Refused(f"there is no file or folder {source}: check the path")
    base = f"{target.rstrip('/')}/" if target else ""
    found = [
        Local(path, base + path.relative_to(source).as_posix())
        for folder, _, names in os.walk(source)
        for path in (Path(folder, name) for name in names)
        if path.is_file()
    ]
    if not found:
        raise Refused(f"the folder {source} holds no file")
    return sorted(found, key=lambda file: file.path.encode("utf-8", "surrogateescape"))


def upload(client: Client, files: Sequence[Local], display: Display) -> list[File]:
    """Store the files, a few at a time. The first failure ends it; what was stored by then stays."""
    progress = _Progress("upload", len(files), sum(file.source.stat().st_size for file in files), display)

    def put(file: Local) -> File:
        stored = client.files.put(file.path, file.source, progress.moved)
        progress.file()
        return stored

    return _all(put, files, progress)


def remote_files(client: Client, path: str) -> list[File]:
    """The file under this path, or every file below it. Raises NotFound."""
    first = next(client.files.list(path), None)
    if first and first["path"] == path:
        return [first]
    found = list(client.files.list(f"{path.rstrip('/')}/" if path else ""))
    if not found:
        raise NotFound(f"there is no file or folder files:{path}: `fanfold ls` lists what there is")
    return found


def fetch(client: Client, files: Sequence[File], base: str, target: Path, display: Display) -> list[Path]:
    """Fetch files to `target`, each under its path less `base`. Every file appears whole or not at all."""
    progress = _Progress("download", len(files), sum(file["size"] for file in files), display)

    def get(file: File) -> Path:
        place = target / validate_key(file["path"].removeprefix(base)) if file["path"] != base else target
        write_whole(place, progress.counted(client.files.read(file["path"])))
        progress.file()
        return place

    return _all(get, files, progress)


def write_whole(place: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under another name and rename it, so that nobody sees it half-written."""
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
    """Another file failed, or the user gave up: this transfer ends where it is."""


class _Progress:
    """Adds up what the threads report, and ends them when one has failed."""

    def __init__(self, label: str, files: int, total: int, display: Display) -> None:
        self._label, self._files, self._total, self._display = label, files, total, display
        self._lock = threading.Lock()
        self._rate = Rate()
        self._done_files = self._done = 0
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def moved(self, count: int) -> None:
        if self._stopped:
            raise _Stopped
        with self._lock:
            self._done += count
            self._show()

    def file(self) -> None:
        with self._lock:
            self._done_files += 1
            self._show()

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.moved(len(chunk))
            yield chunk

    def _show(self) -> None:
        what, whole = f"{self._done_files}/{self._files} files", self._done_files == self._files
        rate = self._rate.update(self._done)
        self._display.show([moved(self._label, self._done, self._total, rate, what, whole=whole)])


def _all(work: Callable[[A], B], items: Sequence[A], progress: _Progress) -> list[B]:
    """Do the work for each item, a few at a time, results in order; the first failure, or Ctrl-C, ends all."""
    pool = ThreadPoolExecutor(AT_ONCE)
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
