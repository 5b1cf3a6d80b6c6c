"""Folders below one root, opened segment by segment, so that no link and no race can lead out of the root.

Every step is an `openat` that refuses links; a link that stays inside the root is resolved first, and walked in the
same way, unless the root lies below a folder beneath which links aren't followed. The caller works with the folder's
descriptor, which keeps meaning this folder whatever happens to its path.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unavailable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: a named pipe in the folder must not block us; files aren't affected.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_LINKS = 8

# The errors if another process (on NFS: another node) has removed an open folder.
VANISHED = {errno.ENOENT, errno.ESTALE}
# How often a removed folder is created again before giving up.
ATTEMPTS = 100

_MEANINGS: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOENT: (NotFound, "Check the path."),
    errno.ENOTDIR: (NotFound, "A part of the path is a file, not a folder."),
    errno.EISDIR: (NotFound, "It is a folder, not a file."),
    errno.EACCES: (PermissionDenied, "Give user {uid} the right to it, or choose another place."),
    errno.EPERM: (PermissionDenied, "Give user {uid} the right to it, or choose another place."),
    errno.EROFS: (PermissionDenied, "The file system is mounted read-only: choose another place."),
    errno.ELOOP: (PermissionDenied, "It is a link; put the file itself there."),
    errno.ENAMETOOLONG: (InvalidKey, "Choose shorter names."),
    errno.ENOSPC: (Unavailable, "The disk is full: make room, or choose another place."),
    errno.EDQUOT: (Unavailable, "The disk quota of user {uid} is used up: make room, or choose another place."),
}


@contextlib.contextmanager
def explained(action: str, path: Path) -> Iterator[None]:
    """Convert an OSError of the block to one of Fanfold's errors, which says what failed, where, and how to fix it."""
    try:
        yield
    except OSError as error:
        kind, mend = _MEANINGS.get(error.errno or 0, (Unavailable, "Check the disk or mount, then try again."))
        reason = error.strerror or str(error)
        raise kind(f"cannot {action} {path}: {reason}. {mend.format(uid=os.getuid())}") from error


class Folders:
    """The folder tree below `root`; a path in it is a sequence of segments."""

    def __init__(self, root: Path, below: Path | None = None) -> None:
        """With `below`, a folder that holds the root, links beneath that folder lead nowhere."""
        self.root, self._below = root, below

    @property
    def follows_links(self) -> bool:
        """Whether a link that stays inside the root is followed."""
        return self._below is None

    @contextlib.contextmanager
    def opened(self, segments: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """The folder's descriptor; with `create`, missing folders are created durably."""
        descriptor = self._walk(segments, create, _MOST_LINKS)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open_file(self, segments: Sequence[str]) -> int:
        """The descriptor of a file opened for reading; a link inside the root is followed."""
        try:
            with self.opened(segments[:-1]) as folder:
                return os.open(segments[-1], _FILE, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        resolved = self.resolve(segments)
        if not resolved:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with self.opened(resolved[:-1]) as folder:
            return os.open(resolved[-1], _FILE, dir_fd=folder)

    def status(self, segments: Sequence[str]) -> os.stat_result:
        """The status of a path; for a link, that of the link itself, not of its target."""
        if not segments:
            with self.opened([]) as folder:
                return os.fstat(folder)
        with self.opened(segments[:-1]) as folder:
            return os.stat(segments[-1], dir_fd=folder, follow_symlinks=False)

    def resolve(self, segments: Sequence[str]) -> list[str]:
        """The real path behind links.

        Raises PermissionDenied: it is outside the root; FileNotFoundError: a link leads nowhere.
        """
        if self._below:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        place = self.root.joinpath(*segments)
        target = Path(os.path.realpath(place))
        try:
            return list(target.relative_to(os.path.realpath(self.root)).parts)
        except ValueError:
            raise PermissionDenied(
                f"{place} is a link that leads out of {self.root} (to {target}). Put the file itself there."
            ) from None

    def prune(self, segments: Sequence[str]) -> None:
        """Remove the folder and those above it as long as they are empty, but never the root."""
        for depth in range(len(segments), 0, -1):
            try:
                with self.opened(segments[: depth - 1]) as parent:
                    os.rmdir(segments[depth - 1], dir_fd=parent)
            except OSError:  # it isn't empty, or another process was quicker: in both cases nothing is left to do
                return

    def _walk(self, segments: Sequence[str], create: bool, links_left: int) -> int:
        """The descriptor of the folder at the path's end, which the caller closes; follows up to `links_left` links.

        Raises:
            InvalidKey: with `create`, a file or a link is where a folder should be.
            PermissionDenied: a link leads out of the root.
            OSError: a folder doesn't exist, or can't be opened or created.
        """
        current = self._open_root(create)
        for depth, segment in enumerate(segments):
            try:
                following = self._step(current, segment, create)
            except NotADirectoryError:
                if self._is_link(current, segment) and links_left and (self.follows_links or not create):
                    resolved = [*self.resolve(segments[: depth + 1]), *segments[depth + 1 :]]
                    return self._walk(resolved, create, links_left - 1)
                if create:
                    blocking = self.root.joinpath(*segments[: depth + 1])
                    what = "a link" if self._is_link(current, segment) else "a file"
                    raise InvalidKey(f"{blocking} is {what}, so there can be nothing below it") from None
                raise
            finally:
                os.close(current)
            current = following
        return current

    def _open_root(self, create: bool) -> int:
        if self._below:
            return Folders(self._below)._walk(self.root.relative_to(self._below).parts, create, links_left=0)
        try:
            return os.open(self.root, _FOLDER)
        except FileNotFoundError:
            if not create:
                raise
        above = Folders(self.root.parent)._open_root(create)
        try:
            return self._step(above, self.root.name, create)
        finally:
            os.close(above)

    @staticmethod
    def _step(current: int, segment: str, create: bool) -> int:
        try:
            return os.open(segment, _FOLDER | os.O_NOFOLLOW, dir_fd=current)
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(segment, dir_fd=current)
            sync_folder(current)
        return os.open(segment, _FOLDER | os.O_NOFOLLOW, dir_fd=current)

    @staticmethod
    def _is_link(folder: int, name: str) -> bool:
        try:
            return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False


def sync_folder(descriptor: int) -> None:
    """Make a folder's entries durable; some network file systems do so by themselves and reject the call."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
