"""Swap the names of two folders in one step, so that neither name is ever missing.

Python's `os` has no call for this: on Linux it is renameat2(2) with RENAME_EXCHANGE, on macOS renamex_np(2) with
RENAME_SWAP. Some file systems, such as NFS, don't support it; `can_exchange` tries it out.
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
    """Swap the names of two folders on the same file system, durably. Raises OSError."""
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
    """Whether the folder could swap names with one created beside it."""
    if os.path.ismount(folder):
        return False
    try:
        with tempfile.TemporaryDirectory(prefix=".fanfold-", dir=folder.parent) as scratch:
            pair = Path(scratch, "one"), Path(scratch, "other")
            for place in pair:
                place.mkdir()
            exchange(*pair)
    except (OSError, AttributeError):  # no permission to write there, or the system's library lacks the call
        return False
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network file system may sync by itself and reject the call
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
