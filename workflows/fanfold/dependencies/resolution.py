"""From requirements to wheels: uv resolves them for a Python and a platform, and the answer is kept.

CACHE/fanfold/resolutions/DIGEST.json    the wheels that a text led to: the same job again has the same bytes
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanfold.dependencies.requested import Requested
from fanfold.dependencies.targets import Target
from fanfold.errors import Refused
from fanfold_steps.user_code.packages import cache_folder, find_uv
from fanfold_storage.extras import to_install

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_OURS = "fanfold"  # workers have it; it is left out of what they install
_VERSION = 1  # of the files of resolutions
_NO_SOLUTION = 1  # uv's exit status
_LONGEST_REASON = 1500


class IndexAway(Refused):
    """The index of packages doesn't respond."""

    exit_status = 6


@dataclass(frozen=True, slots=True)
class FoundWheel:
    """A wheel where an index has it: its SHA-256 (hex) is None if the index doesn't say."""

    name: str
    url: str
    sha256: str | None


def resolve(requested: Requested, target: Target) -> list[FoundWheel]:
    """The wheels that requirements lead to, with all that they depend on; but not Fanfold itself.

    Raises:
        Refused: there are none that fit the target, or the requirements contradict each other. The message names the
            package and the target.
        IndexAway: the index of packages doesn't respond.
    """
    _check_python(requested, target)
    if requested.dependencies == ():
        return []
    kept = _kept_in(requested, target)
    if kept and kept.is_file():
        return [FoundWheel(**one) for one in json.loads(kept.read_text())]
    if requested.file.name.startswith("pylock.") and requested.file.suffix == ".toml":
        lock = requested.text
    else:
        lock = _run_uv(requested, target)
    wheels = sorted(_wheels_of(lock, requested, target), key=lambda wheel: wheel.name)
    if kept:
        _keep(kept, wheels)
    return wheels


def _check_python(requested: Requested, target: Target) -> None:
    from packaging.specifiers import SpecifierSet

    if requested.requires_python is None:
        return
    wanted = SpecifierSet(requested.requires_python)
    # Of an image, only 3.13 may be known, which stands for its newest release.
    if not wanted.contains(target.full(unknown=999), prereleases=True):
        raise Refused(
            f"{requested.file} requires Python {requested.requires_python}, but the job would run with {target}: relax "
            "requires-python, or run it with another Python"
        )


def _kept_in(requested: Requested, target: Target) -> Path | None:
    """Where the answer is kept; None if it may be another one next time."""
    folder = cache_folder("resolutions") if requested.is_self_contained else None
    settings = sorted((name, value) for name, value in os.environ.items() if name.startswith("UV_"))
    asked = json.dumps([_VERSION, requested.text, asdict(target), settings, own_constraints()])
    return folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json" if folder else None


def _keep(path: Path, wheels: list[FoundWheel]) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump([asdict(wheel) for wheel in wheels], file)
    Path(file.name).replace(path)


def _run_uv(requested: Requested, target: Target) -> str:
    """The requirements as a `pylock.toml`, which PEP 751 defines. Raises Refused, IndexAway."""
    with tempfile.TemporaryDirectory(prefix="fanfold-resolution-") as folder:
        excludes, constraints = Path(folder) / "excludes.txt", Path(folder) / "constraints.txt"
        excludes.write_text(_OURS)
        constraints.write_text("\n".join(own_constraints()))
        # Without --python, uv searches the machine for the target's own, and the index, too.
        options = ["--python", sys.executable, "--python-version", target.python, "--excludes", str(excludes)]
        options += ["--constraints", str(constraints)]
        command = [find_uv(_no_uv), "pip", "compile", str(requested.file), *options]
        done = subprocess.run(
            [
                *command,
                "--python-platform",
                target.platform,
                "--only-binary",
                ":all:",
                "--format",
                "pylock.toml",
                "--no-header",
                "--quiet",
            ],
            cwd=requested.file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
    if done.returncode == 0:
        return done.stdout
    why = "; ".join([_reason(done.stderr), *_named_by_us(done.stderr)])
    if done.returncode != _NO_SOLUTION and "Failed to fetch" in done.stderr:
        raise IndexAway(f"the index of packages doesn't respond: {why}")
    raise Refused(f"the packages of {requested.file} can't be had for {target}: {why}")


@cache
def own_constraints() -> tuple[str, ...]:
    """The versions that Fanfold needs of packages that it imports into the same process as the job's code."""
    from packaging.requirements import Requirement

    found = [Requirement(text) for text in requires(_OURS) or ()]
    shared = [one for one in found if one.name != _OURS and _is_in_workers(one)]
    return tuple(sorted({f"{one.name}{one.specifier}" for one in shared}))


def _is_in_workers(requirement: "Requirement") -> bool:
    marker = requirement.marker
    extras = ("", "s3", "batch", "parquet", "steps")
    return marker is None or "extra" not in str(marker) or any(marker.evaluate({"extra": extra}) for extra in extras)


def _named_by_us(stderr: str) -> list[str]:
    """What Fanfold itself needs of the packages that uv complains about."""
    ours = [need for need in own_constraints() if need in stderr]
    return [f"Fanfold itself needs {' and '.join(ours)}"] if ours else []


def _reason(stderr: str) -> str:
    """What uv says, as one sentence.

    >>> _reason("error: No solution found when resolving dependencies\\n  cause: Because x has no usable wheels.")
    'because x has no usable wheels: name a version that has a wheel, or use an image that has the package'
    """
    text = re.sub(r"\s*\bhint: .*", "", stderr, flags=re.DOTALL)
    lines = (re.sub(r"^(error|cause): ", "", line.strip()) for line in text.splitlines())
    reason = " ".join(line for line in lines if line and not line.startswith("No solution found")).rstrip(".")
    reason = re.sub(r"^Because\b", "because", reason)
    reason = re.sub(r"(\. And because you require [^,]+)?, we can conclude that your requirements are \S+$", "", reason)
    reason = reason[:_LONGEST_REASON]
    mend = "name a version that has a wheel, or use an image that has the package"
    return f"{reason}: {mend}" if "no usable wheels" in reason or "no wheels" in reason else reason


def _wheels_of(lock: str, requested: Requested, target: Target) -> Iterator[FoundWheel]:
    """The best wheel of each package in a lock file. Raises Refused."""
    from packaging.pylock import PackageWheel, Pylock, PylockSelectError, PylockValidationError

    try:
        pylock = Pylock.from_dict(tomllib.loads(lock))
        selected = list(pylock.select(environment=target.markers(), tags=list(target.tags())))
    except (tomllib.TOMLDecodeError, PylockValidationError, PylockSelectError) as error:
        raise Refused(f"the packages of {requested.file} can't be had for {target}: {error}") from error
    for package, source in selected:
        if package.name == _OURS:
            continue
        url, path = getattr(source, "url", None), getattr(source, "path", None)
        place = url or (path and (requested.file.parent / path).absolute().as_uri())
        name = source.filename if isinstance(source, PackageWheel) else str(place).rpartition("/")[2]
        if not place or not name.endswith(".whl"):
            raise Refused(
                f"{package.name} in {requested.file} isn't a wheel, and packages aren't built here: build one with "
                "`uv build --wheel`, and name its file"
            )
        yield FoundWheel(name, place, _checked_hash(package.name, source, requested))


def _checked_hash(package: str, source: Any, requested: Requested) -> str | None:
    found: str | None = (source.hashes or {}).get("sha256")
    if requested.hashes and found not in requested.hashes:
        raise Refused(f"{package}: the wheel that fits has no hash of those in {requested.file}: lock it anew")
    return found


def _no_uv(why: str) -> Refused:
    return Refused(f"{why}; run: {to_install('workflows')}")
