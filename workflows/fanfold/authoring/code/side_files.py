"""Side files: small files that travel with a job's code, which reads them by name or from beside its own file."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fanfold.errors import InvalidJob


@dataclass(frozen=True, slots=True)
class SideFile:
    """Where a side file lies on this machine, and in the bundle."""

    path: Path
    bundled: str


def locate(files: Mapping[str, str], module: Path, root: Path) -> dict[str, SideFile]:
    """Where side files lie, whether or not they exist.

    A file below the bundle's root keeps its path there, as in a zip packed by hand; any other gets a path of its own.

    Args:
        files: paths by name, relative to the folder of the job's module.
        module: the file of the job's module.
        root: the folder that becomes the root of the bundle.

    >>> locate({"stop": "stop.txt"}, Path("/jobs/pkg/count.py"), Path("/jobs"))["stop"].bundled
    'pkg/stop.txt'
    >>> locate({"stop": "../../lists/stop.txt"}, Path("/jobs/pkg/count.py"), Path("/jobs"))["stop"].bundled
    '_files/stop/stop.txt'
    """
    located = {}
    for name, place in files.items():
        path = Path(os.path.normpath(module.parent / place))
        inside = not Path(place).is_absolute() and path.is_relative_to(root)
        bundled = path.relative_to(root).as_posix() if inside else f"_files/{name}/{path.name}"
        located[name] = SideFile(path, bundled)
    return located


def locate_included(paths: Iterable[str], folder: Path, root: Path) -> Iterator[SideFile]:
    """The files that travel with the code and keep their places beside it; of folders, all files below them.

    Args:
        paths: files and folders, relative to the working directory.
        folder: the folder of the job's module, in which they must lie.
        root: the folder that becomes the root of the bundle.

    Raises:
        InvalidJob: one doesn't exist, or lies elsewhere.
    """
    for place in paths:
        path = Path(os.path.normpath(Path(place).absolute()))
        path = path.parent.resolve() / path.name
        if not path.exists():
            raise InvalidJob(f"--include {place}: there is no such file or folder: check the path")
        if not path.is_relative_to(folder):
            where = f"it doesn't lie in {folder}, the folder of the job"
            raise InvalidJob(f'--include {place}: {where}: put it there, or name it in Job(files={{"NAME": "PATH"}})')
        files = [path] if path.is_file() else files_below(path)
        yield from (SideFile(file, file.relative_to(root).as_posix()) for file in files)


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, without Python's compiled ones."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
