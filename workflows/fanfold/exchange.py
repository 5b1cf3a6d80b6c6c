"""Exchange two folders' names in one step, so that nobody ever sees either name missing.

Python's `os` has no call for it; Linux's is renameat2(2) with RENAME_EXCHANGE, that of macOS renamex_np(2) with
RENAME_SWAP. Some file systems, NFS among them, can't do it: `can_exchange` tries.
"""

import contextlib
import ctypes
import os
import sys
import tempfile
from pathlib import Path

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE and RENAME_SWAP alike


def exchange(one: Path, other: Path) -> None:
    """Let each of two folders of one file system have the other's name, durably. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = libc.renamex_np(*names, _EXCHANGE)
    else:
        failed = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))
    for folder in {one.parent, other.parent}:
        _sync(folder)


def can_exchange(folder: Path) -> bool:
    """Whether the folder could change names with one made beside it."""
    if os.path.ismount(folder):
        return False
    try:
        with tempfile.TemporaryDirectory(prefix=".fanfold-", dir=folder.parent) as scratch:
            pair = Path(scratch, "one"), Path(scratch, "other")
            for place in pair:
                place.mkdir()
            exchange(*pair)
    except (OSError, AttributeError):  # no right to write there; or the system's library has no such call
        return False
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network file system may do it by itself and refuse the call
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
