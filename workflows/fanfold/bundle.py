"""The code bundle: a zip of the job's module and what it imports beside it, named by its content."""

import ast
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from fanfold.stage import InvalidJob, module_name

LARGEST_BUNDLE = 50 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes, whenever they were written


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip's bytes and their SHA-256 (hex)."""

    data: bytes
    sha256: str


def pack(module: ModuleType) -> Bundle:
    """Zip a module, its whole package if it has one, and every module it imports from the same folder.

    Raises:
        InvalidJob: the module has no file, or there is more code than a bundle may hold.
    """
    name = module_name(module)
    file = Path(str(module.__file__)).resolve()
    root = file.parents[name.count(".") + (file.name == "__init__.py")]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(_with_imports(root, file)):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, path.read_bytes())
    data = buffer.getvalue()
    if len(data) > LARGEST_BUNDLE:
        raise InvalidJob(f"the code around {file} packs to {len(data)} bytes; a bundle holds {LARGEST_BUNDLE} at most")
    return Bundle(data, hashlib.sha256(data).hexdigest())


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
        yield from _files_below(root / top)


def _files_below(folder: Path) -> Iterator[Path]:
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
        yield from _files_below(root / top)
