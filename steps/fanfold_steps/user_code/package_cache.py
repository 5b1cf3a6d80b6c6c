"""The cache of packages on this machine stays as large as what is used: whatever nobody has used for 30 days goes.

    CACHE/fanfold/wheels/SHA256
    CACHE/fanfold/environments/DIGEST/
    CACHE/fanfold/.wheels.swept, .environments.swept   when each was looked through

A use sets the time of the file or folder. Once a day, whoever uses the cache removes what is old. What another process
takes up at that moment has a new time by then; a wheel that is gone is fetched again.
"""

import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

KEPT_SECONDS = 30 * 86400.0
_EVERY = 86400.0
_LOCK = ".lock"  # of an installation that may be under way


def used(path: Path) -> None:
    """Note that a wheel or an environment is used now. One that another user owns is left as it is."""
    with suppress(OSError):
        os.utime(path)


def remove_unused(folder: Path) -> None:
    """Remove what lies in a folder of the cache and hasn't been used for long, unless that was done today."""
    now, swept = time.time(), folder.with_name(f".{folder.name}.swept")
    with suppress(OSError):
        if swept.exists() and now - swept.stat().st_mtime < _EVERY:
            return
        swept.touch()
        for entry in list(os.scandir(folder)):
            if not entry.name.endswith(_LOCK) and now - entry.stat(follow_symlinks=False).st_mtime > KEPT_SECONDS:
                _remove(Path(entry.path))


def _remove(path: Path) -> None:
    """Take the name away first, so that nobody finds half of a folder."""
    gone = path.with_name(f".{secrets.token_hex(8)}.gone")
    with suppress(OSError):
        path.rename(gone)
        if gone.is_dir():
            shutil.rmtree(gone, ignore_errors=True)
        else:
            gone.unlink()
