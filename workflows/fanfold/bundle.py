"""The code bundle: a zip of the job's module and what it imports beside it, named by its content."""

import ast
import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from fanfold.side_files import SideFile
from fanfold.stage import InvalidJob, module_name, root_of
from fanfold_steps.programs.command import words

LARGEST_BUNDLE = 50 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes, whenever they were written


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip's bytes and their SHA-256 (hex)."""

    data: bytes
    sha256: str

    @property
    def names(self) -> list[str]:
        """What it holds."""
        return zipfile.ZipFile(io.BytesIO(self.data)).namelist()


def pack(module: ModuleType, side_files: Iterable[SideFile] = (), programs: Iterable[str] = ()) -> Bundle:
    """Zip a module, its whole package if it has one, every module it imports from the same folder, and side files; and
    what a word of the command lines `programs` names there.

    Raises:
        InvalidJob: a file is missing, or there is more than a bundle may hold.
    """
    module_name(module)  # it must have a file
    file = Path(str(module.__file__)).resolve()
    root = root_of(module)
    packed = {path.relative_to(root).as_posix(): path for path in _with_imports(root, file)}
    beside = file.parent  # what programs name is seen from there, and is shown where they start
    packed |= {path.relative_to(beside).as_posix(): path for path in _named(beside, programs)}
    packed |= {side.bundled: side.path for side in side_files}
    return pack_files(packed, f"the code around {file}")


def pack_files(files: Mapping[str, Path], what: str) -> Bundle:
    """Zip files under names; `what` they are. Raises InvalidJob if one is missing, or they are too much."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            bundle.writestr(entry, _content(path))
    data = buffer.getvalue()
    if len(data) > LARGEST_BUNDLE:
        raise InvalidJob(f"{what} packs to {len(data)} bytes; a bundle holds {LARGEST_BUNDLE} at most")
    return Bundle(data, hashlib.sha256(data).hexdigest())


def _named(folder: Path, programs: Iterable[str]) -> Iterator[Path]:
    """Files below a folder that a word of a command line names."""
    for word in (word for program in programs for word in words(program)):
        path = (folder / word).resolve() if len(word) < 256 and "\n" not in word else folder
        if path.is_relative_to(folder) and path.is_file():
            yield path


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidJob(f"{path} belongs to the job, but can't be read: {error.strerror}") from error


def _with_imports(root: Path, file: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [*_package_of(root, file)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            if path.suffix == ".py":
                waiting += [file for name in _imports(path) for file in _find(root, name)]
    return found


def _package_of(root: Path, file: Path) -> Iterator[Path]:
    """The file alone, or all files of the top package that it belongs to."""
    top = file.relative_to(root).parts[0]
    if file.parent == root:
        yield file
    else:
        yield from files_below(root / top)


def files_below(folder: Path) -> Iterator[Path]:
    """All files of a folder but what Python compiled."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _imports(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError):
        return  # packed as it is; whoever imports it says what is wrong
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _find(root: Path, name: str) -> Iterator[Path]:
    """Files of a module or package that lies in `root`; anything else comes with the image."""
    top = name.partition(".")[0]
    if (root / f"{top}.py").is_file():
        yield root / f"{top}.py"
    elif (root / top / "__init__.py").is_file():
        yield from files_below(root / top)
