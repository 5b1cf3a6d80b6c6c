"""Temporary files in `<root>/.staged/`: written now, given their name later, by whoever holds the handle.

A temporary file is named after its key, percent-encoded (and cut into folders where that is longer than a file system's
names may be), and a random number.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Sequence
from urllib.parse import quote, unquote

from fanfold_storage.errors import InvalidKey, NotFound, Unavailable
from fanfold_storage.objects.folders import ATTEMPTS, VANISHED, Folders, explained, sync_folder
from fanfold_storage.objects.protocol import validate_key

STAGED = ".staged"
_NAME_LENGTH = 200
_BUFFER = 1024 * 1024


class StagedFile:
    """A write under way: a temporary file at `place`, a sequence of segments below the root."""

    def __init__(self, folders: Folders, key: str) -> None:
        segments_of(key)
        self.size = 0
        self.place = _new_place(key)
        self._folders = folders
        self._path = folders.root / key  # what errors name: nobody knows the temporary file
        with explained("write", self._path):
            self._file = os.fdopen(_create(folders, self.place), "wb", buffering=_BUFFER)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with explained("write", self._path):
            self._file.write(data)
        self.size += len(data)

    def finish(self, *, durably: bool = True) -> None:
        """Make the bytes durable; the file's name need not be, if it gets its real one next."""
        with explained("write", self._path):
            self._file.flush()
            if durably:
                os.fsync(self._file.fileno())
            self._file.close()

    def seal(self) -> str:
        """Make bytes and name durable; the handle tells the place."""
        self.finish()
        with explained("write", self._path), self._folders.opened(self.place[:-1]) as folder:
            sync_folder(folder)
        return json.dumps({"staged": "/".join(self.place)})

    def abort(self) -> None:
        """Remove the temporary file."""
        with contextlib.suppress(OSError):  # what is still in the buffer may not fit on the disk
            self._file.close()
        drop(self._folders, self.place)


def segments_of(key: str) -> list[str]:
    """The key's segments, which are a file's place below the root. Raises InvalidKey."""
    segments = validate_key(key).split("/")
    if STAGED in segments:
        raise InvalidKey(f"folders named {STAGED} are kept for staged writes: {key!r}")
    try:
        os.fsencode(key)
    except UnicodeEncodeError as error:
        raise InvalidKey(f"no file can have this name: {key!r}") from error
    return segments


def place_of(handle: str) -> list[str]:
    """Where the handle's temporary file lies. Raises InvalidKey if it isn't one of ours."""
    try:
        place = [validate_key(segment) for segment in json.loads(handle)["staged"].split("/")]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidKey(f"not the handle of a write staged in a folder: {handle[:200]!r}") from error
    if place[0] != STAGED or len(place) < 2:
        raise InvalidKey(f"not the handle of a write staged in a folder: {handle[:200]!r}")
    return place


def key_of(place: Sequence[str]) -> str:
    """The key that the temporary file at this place was staged for."""
    return unquote("".join(place[1:]).rpartition("~")[0], errors="surrogateescape")


def drop(folders: Folders, place: Sequence[str]) -> None:
    """Remove a temporary file, if it is still there."""
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
    raise Unavailable(f"cannot write below {folders.root / STAGED}: it is being removed all the time")


def _open_to_all_who_may_write_the_root(folders: Folders, staged: int) -> None:
    """On a shared volume several users write; whoever makes `.staged` first must not shut the others out."""
    status = os.fstat(staged)
    mode = folders.root.stat().st_mode & 0o7777
    if status.st_uid == os.getuid() and status.st_mode & 0o7777 != mode:
        os.fchmod(staged, mode)
