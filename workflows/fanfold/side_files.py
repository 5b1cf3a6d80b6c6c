"""Side files: small files that go along with a job's code, for its functions to read by name."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SideFile:
    """Where a side file lies here, and in the bundle."""

    path: Path
    bundled: str


def locate(files: Mapping[str, str], module: Path, root: Path) -> dict[str, SideFile]:
    """Where side files lie; their paths are seen from the folder of the job's module.

    What lies below the bundle's root keeps its place there, as in a zip that somebody packs by hand; what comes from
    elsewhere gets one of its own. The file system isn't looked at.

    >>> locate({"stop": "stop.txt"}, Path("/jobs/pkg/count.py"), Path("/jobs"))["stop"].bundled
    'pkg/stop.txt'
    >>> locate({"stop": "../../lists/stop.txt"}, Path("/jobs/pkg/count.py"), Path("/jobs"))["stop"].bundled
    '_files/stop/stop.txt'
    """
    located = {}
    for name, given in files.items():
        path = Path(os.path.normpath(module.parent / given))
        inside = not Path(given).is_absolute() and path.is_relative_to(root)
        bundled = path.relative_to(root).as_posix() if inside else f"_files/{name}/{path.name}"
        located[name] = SideFile(path, bundled)
    return located


def problem_of(name: object, bundled: object) -> str | None:
    """Why a side file can't be called so, or lie there in a bundle; None if it can."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"a side file's name is letters, digits, `_`, `-` and `.`, not {name!r:.80}"
    if not isinstance(bundled, str | os.PathLike) or not str(bundled):
        return f"the side file {name} is a path, not {bundled!r:.80}"
    return None


def leaves(bundled: str) -> bool:
    """Whether a path in a bundle leads out of it."""
    path = PurePosixPath(bundled)
    return path.is_absolute() or ".." in path.parts or "\\" in bundled
