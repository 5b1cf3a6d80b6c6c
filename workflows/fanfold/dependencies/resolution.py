"""From requirements to the wheels that fit a Python and a platform; the answer is kept.

CACHE/fanfold/resolutions/DIGEST.json    the wheels that a text led to: the same job again has the same bytes
"""

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fanfold.dependencies.locking import OURS, lock_for, own_constraints
from fanfold.dependencies.requirements import Requirements
from fanfold.dependencies.targets import Target
from fanfold.errors import Refused
from fanfold.terminal.console import say
from fanfold_steps.user_code.packages import cache_folder

_VERSION = 1  # of the files of resolutions


@dataclass(frozen=True, slots=True)
class FoundWheel:
    """A wheel where an index has it: its SHA-256 (hex) is None if the index doesn't say."""

    name: str
    url: str
    sha256: str | None


def resolve(requirements: Requirements, target: Target) -> list[FoundWheel]:
    """The wheels that requirements lead to, with all that they depend on; but not Fanfold itself.

    Raises:
        Refused: there are none that fit the target, or the requirements contradict each other. The message names the
            package and the target.
        IndexAway: the package index doesn't respond.
    """
    _check_python(requirements, target)
    if requirements.dependencies == ():
        return []
    kept = _kept_in(requirements, target)
    if kept and kept.is_file():
        return [FoundWheel(**one) for one in json.loads(kept.read_text())]
    if requirements.file.name.startswith("pylock.") and requirements.file.suffix == ".toml":
        lock = requirements.text
    else:
        say(f"resolving packages for {target}", dim=True)
        lock = lock_for(requirements, target)
    wheels = sorted(_wheels_of(lock, requirements, target), key=lambda wheel: wheel.name)
    if kept:
        _keep(kept, wheels)
    return wheels


def _check_python(requirements: Requirements, target: Target) -> None:
    from packaging.specifiers import SpecifierSet

    if requirements.requires_python is None:
        return
    wanted = SpecifierSet(requirements.requires_python)
    # Of an image, only 3.13 may be known, which stands for its newest release.
    if not wanted.contains(target.full(unknown=999), prereleases=True):
        raise Refused(
            f"{requirements.file} requires Python {requirements.requires_python}, but the job would run with {target}: "
            "relax requires-python, or run it with another Python"
        )


def _kept_in(requirements: Requirements, target: Target) -> Path | None:
    """Where the answer is kept; None if it may be another one next time."""
    folder = cache_folder("resolutions") if requirements.is_self_contained else None
    settings = sorted((name, value) for name, value in os.environ.items() if name.startswith("UV_"))
    asked = json.dumps([_VERSION, requirements.text, asdict(target), settings, own_constraints()])
    return folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json" if folder else None


def _keep(path: Path, wheels: list[FoundWheel]) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump([asdict(wheel) for wheel in wheels], file)
    Path(file.name).replace(path)


def _wheels_of(lock: str, requirements: Requirements, target: Target) -> Iterator[FoundWheel]:
    """The best wheel of each package in a lock file. Raises Refused."""
    from packaging.pylock import PackageWheel, Pylock, PylockSelectError, PylockValidationError

    try:
        pylock = Pylock.from_dict(tomllib.loads(lock))
        selected = list(pylock.select(environment=target.markers(), tags=list(target.tags())))
    except (tomllib.TOMLDecodeError, PylockValidationError, PylockSelectError) as error:
        raise Refused(f"the packages of {requirements.file} can't be resolved for {target}: {error}") from error
    for package, source in selected:
        if package.name == OURS:
            continue
        url, path = getattr(source, "url", None), getattr(source, "path", None)
        place = url or (path and (requirements.file.parent / path).absolute().as_uri())
        if isinstance(source, PackageWheel):
            name = source.filename
        else:
            name = unquote(urlsplit(place or "").path).rpartition("/")[2]
        if not place or not name.endswith(".whl"):
            raise Refused(
                f"{package.name} in {requirements.file} isn't a wheel, and packages aren't built here: build one with "
                "`uv build --wheel`, and name its file"
            )
        yield FoundWheel(name, place, _checked_hash(package.name, source, requirements))


def _checked_hash(package: str, source: Any, requirements: Requirements) -> str | None:
    found: str | None = (source.hashes or {}).get("sha256")
    if requirements.hashes and found not in requirements.hashes:
        raise Refused(f"{package}: the wheel that fits has none of the hashes in {requirements.file}: lock it again")
    return found
