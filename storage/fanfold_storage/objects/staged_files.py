"""Temporary files in `<root>/.staged/`: written now, and renamed later by any process that has the handle.

A temporary file's name is its key, percent-encoded (and split into folders if that is too long for a name), and a
random number.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Sequence
from urllib.parse import quote, unquote

from fanfold_storage.errors import InvalidKey, NotFound, Unavailable
from fanfold_storage.objects.folders import ATTEMPTS, VANISHED, Folders, explained, sync_folder
from fanfold_storage.objects.protocol import readable_key, validate_key

STAGED = ".staged"
_NAME_LENGTH = 200
_BUFFER = 1024 * 1024


class StagedFile:
    """A write in progress: a temporary file at `place`, a sequence of segments below the root."""

    def __init__(self, folders: Folders, key: str) -> None:
        segments_of(key)  # raises for a key that no file can have
        self.size = 0
        self.place = _new_place(key)
        self._folders = folders
        self._path = folders.root / key  # the path for errors, since nobody knows the temporary file
        with explained("write", self._path):
            self._file = os.fdopen(_create(folders, self.place), "wb", buffering=_BUFFER)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with explained("write", self._path):
            self._file.write(data)
        self.size += len(data)

    def finish(self, *, durably: bool = True) -> None:
        """Make the bytes durable, but not the temporary name, because the file gets its final name next."""
        with explained("write", self._path):
            self._file.flush()
            if durably:
                os.fsync(self._file.fileno())
            self._file.close()

    def seal(self) -> str:
        """Make bytes and name durable; the handle contains the place."""
        self.finish()
        with explained("write", self._path), self._folders.opened(self.place[:-1]) as folder:
            sync_folder(folder)
        return json.dumps({"staged": "/".join(self.place)})

    def abort(self) -> None:
        """Remove the temporary file."""
        with contextlib.suppress(OSError):  # the rest of the buffer may not fit on the disk
            self._file.close()
        drop(self._folders, self.place)


def segments_of(key: str, *, to_read: bool = False) -> list[str]:
    """The key's segments, which are a file's place below the root. Raises InvalidKey: no file may lie there; or none of
    ours, unless it is only to be read."""
    segments = (readable_key(key) if to_read else validate_key(key)).split("/")
    if STAGED in segments:
        raise InvalidKey(f"folders named {STAGED} are reserved for staged writes: {key!r}")
    try:
        os.fsencode(key)
    except UnicodeEncodeError as error:
        raise InvalidKey(f"no file can have this name: {key!r}") from error
    return segments


def place_of(handle: str) -> list[str]:
    """The path of the handle's temporary file. Raises InvalidKey: the handle isn't one of ours."""
    try:
        place = [validate_key(segment) for segment in json.loads(handle)["staged"].split("/")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidKey(f"not the handle of a write staged in a folder: {handle[:200]!r}") from error
    if place[0] != STAGED or len(place) < 2:
        raise InvalidKey(f"not the handle of a write staged in a folder: {handle[:200]!r}")
    return place


def key_of(place: Sequence[str]) -> str:
    """The key for which the temporary file at this place was staged."""
    return unquote("".join(place[1:]).rpartition("~")[0], errors="surrogateescape")


def drop(folders: Folders, place: Sequence[str]) -> None:
    """Remove a temporary file, if it still exists."""
    path = folders.root.joinpath(*place)
    with contextlib.suppress(NotFound), explained("delete", path), folders.opened(place[:-1]) as folder:
        os.unlink(place[-1], dir_fd=folder)
    if len(place) > 2:
        folders.prune(place[:-1])


def _new_place(key: str) -> list[str]:
    name = quote(key, safe="", errors="surrogateescape")
    *above, last = [name[start : start + _NAME_LENGTH] for start in range(0, len(name), _NAME_LENGTH)]
    return [STAGED, *above, f"{last}~{uuid.uuid4().hex}"]


def _create(folders: Folders, place: Sequence[str]) -> int:
    for _ in range(ATTEMPTS):
        try:
            with folders.opened(place[:1], create=True) as staged:
                _open_to_all_who_may_write_the_root(folders, staged)
            with folders.opened(place[:-1], create=True) as folder:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                return os.open(place[-1], flags, 0o666, dir_fd=folder)
        except OSError as error:
            if error.errno not in VANISHED:
                raise
    raise Unavailable(f"cannot write below {folders.root / STAGED}: it keeps being removed")


def _open_to_all_who_may_write_the_root(folders: Folders, staged: int) -> None:
    """Several users may write to a shared volume; the one who creates `.staged` must not lock out the others."""
    status = os.fstat(staged)
    mode = folders.status([]).st_mode & 0o7777
    if status.st_uid == os.getuid() and status.st_mode & 0o7777 != mode:
        os.fchmod(staged, mode)
