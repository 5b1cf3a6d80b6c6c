"""Wheels on this machine: fetched from the index once, and kept under their SHA-256.

CACHE/fanfold/wheels/SHA256
"""

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from netrc import NetrcParseError
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fanfold.dependencies.locking import IndexAway
from fanfold.dependencies.requirements import Requirements
from fanfold.dependencies.resolution import FoundWheel, resolve
from fanfold.dependencies.targets import Target
from fanfold.errors import Refused
from fanfold.rules.dependencies import dependency_problems
from fanfold.terminal.console import say
from fanfold_steps.job.dependencies import Dependencies, Wheel
from fanfold_steps.user_code.package_cache import remove_unused, used
from fanfold_steps.user_code.packages import cache_folder

if TYPE_CHECKING:
    import httpx

_AT_ONCE = 8
_TRIES = 3
_CHUNK = 1 << 20
_SECONDS = 60.0
_INDEXES = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """A job's dependencies, and the folder in which their wheels lie, each under its SHA-256."""

    dependencies: Dependencies
    folder: Path


@cache
def wheelhouse(requirements: Requirements, target: Target) -> Wheelhouse:
    """The wheels that requirements lead to, fetched unless they are here; asked again, this process gets the same.

    Raises:
        Refused: there are none that fit the target, or they are too many or too large.
        IndexAway: the index doesn't respond.
    """
    folder = cache_folder("wheels")
    if folder is None:
        raise Refused("packages need a cache, but ~/.cache/fanfold can't be written: set XDG_CACHE_HOME to a folder")
    found = resolve(requirements, target)
    if any(wheel.sha256 is None or not (folder / wheel.sha256).is_file() for wheel in found):
        remove_unused(folder)
        say(f"fetching packages for {target}", dim=True)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        wheels = list(threads.map(lambda wheel: _fetched(wheel, folder), found))
    dependencies = Dependencies(target.minor, target.platform, wheels)
    if problem := next(dependency_problems(dependencies), None):
        raise Refused(f"the packages of {requirements.file}: {problem}")
    return Wheelhouse(dependencies, folder)


def _fetched(wheel: FoundWheel, folder: Path) -> Wheel:
    """A wheel that is in the folder, complete and checked. Raises Refused, IndexAway."""
    if wheel.sha256 and (folder / wheel.sha256).is_file():
        used(folder / wheel.sha256)
        return Wheel(wheel.name, wheel.sha256, (folder / wheel.sha256).stat().st_size)
    descriptor, name = tempfile.mkstemp(prefix="partial-", dir=folder)
    os.close(descriptor)
    try:
        sha256 = _copied(wheel.url, Path(name))
        if wheel.sha256 not in (None, sha256):
            raise Refused(f"{wheel.name} isn't the file that the index lists: its SHA-256 is {sha256}; try again")
        size = Path(name).stat().st_size
        Path(name).replace(folder / sha256)
    finally:
        Path(name).unlink(missing_ok=True)
    return Wheel(wheel.name, sha256, size)


def _copied(url: str, path: Path) -> str:
    """Write what is at a URL into a file, and return its SHA-256. Raises Refused, IndexAway."""
    if not url.startswith("file:"):
        _download(url, path)
    else:
        try:
            shutil.copyfile(unquote(urlsplit(url).path), path)
        except OSError as error:
            raise Refused(f"{error.filename} can't be read: {error.strerror}") from error
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, path: Path) -> None:
    import httpx

    for attempt in range(_TRIES):
        try:
            with (
                httpx.Client(timeout=_SECONDS, follow_redirects=True, auth=_login(url)) as client,
                client.stream("GET", url) as response,
                path.open("wb") as file,
            ):
                response.raise_for_status()
                for chunk in response.iter_bytes(_CHUNK):
                    file.write(chunk)
            return
        except httpx.HTTPError as error:
            if attempt == _TRIES - 1 or isinstance(error, httpx.HTTPStatusError):
                what = f"{_name_of(url)} from {urlsplit(url).hostname}"
                raise IndexAway(f"can't download {what}: {_why(error)}") from error


def _why(error: "httpx.HTTPError") -> str:
    """What went wrong, without the URL, in which a password may be."""
    response = getattr(error, "response", None)
    return str(error) if response is None else f"status {response.status_code}"


def _name_of(url: str) -> str:
    """The name of the file at a URL, without what may be secret."""
    return urlsplit(url).path.rpartition("/")[2]


def _login(url: str) -> "httpx.Auth | None":
    """The name and the password for a host: those in the URL of an index that uv is told of, or those in ~/.netrc."""
    import httpx

    host = urlsplit(url).hostname
    indexes = (word for name in _INDEXES for word in os.environ.get(name, "").split())
    for index in (urlsplit(word.rpartition("=")[2] if "=http" in word else word) for word in indexes):
        if index.hostname == host and index.username:
            return httpx.BasicAuth(unquote(index.username), unquote(index.password or ""))
    with suppress(OSError, NetrcParseError):
        return httpx.NetRCAuth()
    return None
