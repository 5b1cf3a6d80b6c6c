"""The Python files that a job's code consists of: its modules, their packages, and whatever they import that isn't
installed."""

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from fanfold.authoring.code.references import import_root
from fanfold.authoring.code.side_files import files_below
from fanfold_steps.user_code.whose import is_installed


def files_of_modules(
    modules: Iterable[ModuleType], imports: Iterable[str] = (), folder: Path = Path()
) -> Iterator[tuple[str, Path]]:
    """The files of modules and of all that they import, directly or not, by their names in the bundle; and the same of
    modules that code in a folder imports by top-level names.

    Installed modules aren't among them, because an image contains those. A module that was imported from a folder that
    the job added to `sys.path` lies at the root of the bundle.
    """
    seen: set[Path] = set()
    for module in modules:
        file, root = Path(str(module.__file__)).resolve(), import_root(module)
        top = file.relative_to(root).parts[0]
        queue = [(root, file)] if file.parent == root else [(root, path) for path in _package(root / top)]
        queue.append((root, file))
        yield from _with_imports(root, queue, seen)
    root = folder.resolve()
    yield from _with_imports(root, [file for name in sorted(imports) for file in _files_of(root, name)], seen)


def files_of_script(script: Path) -> dict[str, Path]:
    """A script and all files that it imports, by name, as Python finds them when it runs the script."""
    file = script.resolve()
    return dict(_with_imports(file.parent, [(file.parent, file)], set()))


def _with_imports(root: Path, queue: list[tuple[Path, Path]], seen: set[Path]) -> Iterator[tuple[str, Path]]:
    """The names and paths of files and of all that they import, without those `seen`, to which these are added."""
    while queue:
        own_root, path = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path.relative_to(own_root).as_posix(), path
        if path.suffix == ".py":
            queue += [file for name in set(_imports(path)) for file in _files_of(root, name)]


def _package(folder: Path) -> Iterator[Path]:
    """A package's files; of a folder without `__init__.py`, which may hold anything, only Python files."""
    is_regular = (folder / "__init__.py").is_file()
    return (path for path in files_below(folder) if is_regular or path.suffix == ".py")


def _imports(file: Path) -> Iterator[str]:
    """The top-level names of what a file imports, also by `importlib.import_module("name")`."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError, OSError):
        return  # packed as it is; importing it will report what is wrong
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = node.args[0].value
            if called in ("import_module", "__import__") and isinstance(name, str) and not name.startswith("."):
                yield name.partition(".")[0]


def _files_of(root: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """The files of a module or package by its top-level name, each with the folder that it is imported from."""
    if (root / f"{name}.py").is_file():
        yield root, root / f"{name}.py"
    elif (root / name / "__init__.py").is_file():
        yield from ((root, path) for path in _package(root / name))
    elif name not in sys.stdlib_module_names:
        yield from _files_elsewhere(root, name)


def _files_elsewhere(root: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """The same for a folder without `__init__.py`, and for modules in a folder that the job added to `sys.path`."""
    loaded = sys.modules.get(name)
    spec = (loaded and loaded.__spec__) or PathFinder.find_spec(name, [str(root), *sys.path])
    if spec is None:
        return
    if spec.submodule_search_locations is None or spec.origin:
        if spec.origin and Path(spec.origin).is_file() and not is_installed(spec.origin):
            file = Path(spec.origin).resolve()
            folder = file.parent.parent if file.name == "__init__.py" else file.parent
            files = _package(file.parent) if file.name == "__init__.py" else [file]
            yield from ((folder, path) for path in files)
        return
    for location in {Path(place).resolve() for place in spec.submodule_search_locations}:
        if not is_installed(str(location / "module.py")):
            yield from ((location.parent, path) for path in _package(location))
