"""Objects in a folder: each key is a file's path below the root.

Bytes are written to a temporary file in `<root>/.staged/`, made durable, and get their name in one step: by rename if
they may replace an older object, by link(2) if only the first writer may win. Both are atomic on local disks and on
NFS, so any number of processes and nodes may share the root. A temporary file's name contains its key, by which `sweep`
finds what a dead writer left behind.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, Unavailable
from fanfold_storage.objects.folders import ATTEMPTS, VANISHED, Folders, explained, sync_folder
from fanfold_storage.objects.open_file import CHUNK, OpenFile
from fanfold_storage.objects.protocol import Stat, holdable, readable_key
from fanfold_storage.objects.staged_files import STAGED, StagedFile, drop, key_of, place_of, segments_of


class FilesystemObjects:
    """The objects in a folder, which is created by the first write."""

    def __init__(self, root: Path, below: Path | None = None) -> None:
        """With `below`, a folder that contains the root, no link is followed beneath that folder."""
        self._root = root.resolve() if below is None else root
        self._folders = Folders(self._root, below)
        self._hint: tuple[list[str], bytes | None] = [], None  # the last one created: its path and its bytes

    @property
    def url(self) -> str:
        """The root as `file:///…/`."""
        return self._root.as_uri().rstrip("/") + "/"

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of the range in chunks of at most 1 MiB."""
        with holdable(key), explained("read", self._root / key):
            descriptor = self._open(key)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                file.seek(start)
                left = CHUNK if stop is None else stop - start
                while left > 0 and (chunk := file.read(min(CHUNK, left))):
                    if stop is not None:
                        left -= len(chunk)
                    yield chunk

    def open(self, key: str) -> OpenFile:
        """The file, held open."""
        path = self._root / key
        with holdable(key), explained("read", path):
            return OpenFile(self._open(key), key, path)

    def put(self, key: str, chunks: Iterable[bytes], *, hint: bool = False) -> int:
        """Write to a temporary file, then rename."""
        staged = self.stage(key)
        try:
            for chunk in chunks:
                staged.write(chunk)
            staged.finish(durably=not hint)
            self._publish(staged.place, key, os.rename, durably=not hint)
        except BaseException:
            staged.abort()
            raise
        return staged.size

    def put_if_absent(self, key: str, data: bytes, *, hint: bool = False) -> bool:
        """Write to a temporary file, then link it: of many links to one name, the file system lets one succeed.

        Hints with the same bytes are links to one file, because a link costs far less than a new file.
        """
        segments = segments_of(key)
        with explained("write", self._root / key):
            if self._taken(segments):
                return False
        if hint and self._hint[1] == data:
            with contextlib.suppress(NotFound, Unavailable):  # it was deleted, or has the maximum number of links
                return self._publish(self._hint[0], key, os.link, durably=False)
        staged = self.stage(key)
        try:
            staged.write(data)
            staged.finish(durably=not hint)
            created = self._publish(staged.place, key, _link, durably=not hint)
        finally:
            staged.abort()
        if hint and created:
            self._hint = segments, data
        return created

    def stage(self, key: str) -> "StagedFile":
        """A temporary file that `seal` makes durable and `commit` renames."""
        return StagedFile(self._folders, key)

    def commit(self, handle: str) -> None:
        """Rename the temporary file to its key, unless that was done before."""
        place = place_of(handle)
        key = key_of(place)
        try:
            self._publish(place, key, os.rename)
        except NotFound as gone:
            try:
                self.stat(key)
            except NotFound:
                raise NotFound(f"nothing to commit for {key}: its staged write was discarded") from gone

    def abort(self, handle: str) -> None:
        """Remove the temporary file."""
        drop(self._folders, place_of(handle))

    def is_staged(self, handle: str) -> bool:
        """Whether the temporary file, or the file with the key, exists."""
        place = place_of(handle)
        key = key_of(place)
        for segments in (place, segments_of(key)):
            with contextlib.suppress(NotFound), explained("look up", self._root / key):
                if stat.S_ISREG(self._folders.status(segments).st_mode):
                    return True
        return False

    def list(self, prefix: str = "", *, deepest: int | None = None) -> Iterator[Stat]:
        """Walk the folders, with the entries of each sorted like their keys: a folder `a` sorts as `a/`."""
        *above, beginning = prefix.split("/")
        if above:
            readable_key("/".join(above))  # raises for an invalid prefix
        if STAGED not in above:
            yield from self._list_folder(above, beginning, deepest)

    def stat(self, key: str) -> Stat:
        """Size and time of the file."""
        segments = segments_of(key, to_read=True)
        with holdable(key), explained("look up", self._root / key):
            status = self._folders.status(segments)
            if stat.S_ISLNK(status.st_mode):
                status = self._folders.status(self._folders.resolve(segments))
            if not stat.S_ISREG(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return Stat(key, status.st_size, status.st_mtime)

    def delete(self, key: str) -> None:
        """Remove the file, and the folders that become empty."""
        segments = segments_of(key)
        with contextlib.suppress(NotFound), explained("delete", self._root / key):
            with self._folders.opened(segments[:-1]) as folder:
                if not stat.S_ISDIR(os.stat(segments[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                    os.unlink(segments[-1], dir_fd=folder)
            self._folders.prune(segments[:-1])

    def keep(self) -> None:
        """Make the root so that it stays when its last file is deleted, since others may have mounted it."""
        with explained("write", self._root), self._folders.opened([STAGED], create=True):
            pass

    def sweep(self, prefix: str = "", *, keep: Collection[str] = ()) -> None:
        """Remove the temporary files of keys under `prefix`, and `.staged` itself if it becomes empty."""
        kept = set(_places_of(keep))
        for entry in self._list_folder([STAGED], ""):
            place = entry.key.split("/")
            if key_of(place).startswith(prefix) and tuple(place) not in kept:
                drop(self._folders, place)
        self._folders.prune([STAGED])

    def _open(self, key: str) -> int:
        """The descriptor of a regular file."""
        descriptor = self._folders.open_file(segments_of(key, to_read=True))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return descriptor

    def _publish(self, place: Sequence[str], key: str, take_name: Callable[..., None], *, durably: bool = True) -> bool:
        """Give the temporary file its name. False if the name exists and `take_name` doesn't replace files."""
        segments = segments_of(key)
        with explained("write", self._root / key), self._folders.opened(place[:-1]) as source:
            for _ in range(ATTEMPTS):
                try:
                    with self._folders.opened(segments[:-1], create=True) as folder:
                        take_name(place[-1], segments[-1], src_dir_fd=source, dst_dir_fd=folder)
                        if durably:
                            sync_folder(folder)
                    break
                except (FileExistsError, IsADirectoryError):
                    if self._taken(segments) and take_name is not os.rename:
                        return False
                except OSError as error:
                    if error.errno not in VANISHED:
                        raise
                    os.stat(place[-1], dir_fd=source, follow_symlinks=False)
            else:
                raise Unavailable(f"cannot write {self._root / key}: its folder keeps being removed")
        if take_name is os.rename:
            self._folders.prune(place[1:-1] and place[:-1])
        return True

    def _taken(self, segments: Sequence[str]) -> bool:
        """Whether a file has this name. A folder of this name is removed if it is empty; otherwise it is an error."""
        try:
            status = self._folders.status(segments)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not stat.S_ISDIR(status.st_mode):
            return True
        try:
            with self._folders.opened(segments[:-1]) as folder:
                os.rmdir(segments[-1], dir_fd=folder)
        except FileNotFoundError:
            pass
        except OSError:
            raise InvalidKey(f"{self._root.joinpath(*segments)} is a folder, so it cannot also be an object") from None
        return False

    def _list_folder(self, above: Sequence[str], beginning: str, deepest: int | None = None) -> Iterator[Stat]:
        if deepest is not None and len(above) >= deepest:
            return
        path = self._root.joinpath(*above)
        with contextlib.suppress(NotFound), explained("list", path), self._folders.opened(above) as folder:
            with os.scandir(folder) as scan:
                # Not only at the root, because a folder below may be the root of another store.
                entries = [entry for entry in scan if entry.name.startswith(beginning) and entry.name != STAGED]
            for entry in sorted(entries, key=_order):
                if entry.is_dir(follow_symlinks=False):
                    yield from self._list_folder([*above, entry.name], "", deepest)
                else:
                    yield from self._list_file([*above, entry.name], entry)

    def _list_file(self, segments: Sequence[str], entry: "os.DirEntry[str]") -> Iterator[Stat]:
        with contextlib.suppress(FileNotFoundError):  # it was just deleted
            status = entry.stat(follow_symlinks=False)
            if entry.is_symlink() and not self._folders.follows_links:
                return
            if entry.is_symlink():
                # The target of a link inside the root is listed under its own name if it is a folder. A link that leads
                # out of the root is listed, so that reading it says why it can't be read.
                with contextlib.suppress(OSError, PermissionDenied):
                    status = self._folders.status(self._folders.resolve(segments))
                if stat.S_ISDIR(status.st_mode):
                    return
            yield Stat("/".join(segments), status.st_size, status.st_mtime)


def _places_of(handles: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for handle in handles:
        with contextlib.suppress(InvalidKey):
            yield tuple(place_of(handle))


def _order(entry: "os.DirEntry[str]") -> bytes:
    return os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")


def _link(source: str, name: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    try:
        os.link(source, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False)
    except FileExistsError:
        # NFS may repeat a request whose response was lost; two links to the file show that ours succeeded.
        if os.stat(source, dir_fd=src_dir_fd, follow_symlinks=False).st_nlink != 2:
            raise
