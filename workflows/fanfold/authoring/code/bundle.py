"""Pack a job's code bundle: a zip of its module and what that imports, named by its content."""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType

from fanfold.authoring.code.imports import files_of_modules
from fanfold.authoring.code.references import module_name
from fanfold.authoring.code.side_files import SideFile
from fanfold.errors import InvalidJob
from fanfold.planning.compiled import Bundle
from fanfold_steps.programs.command import words

LARGEST_BUNDLE = 50 << 20  # bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes, whenever they were written


def pack(
    modules: Sequence[ModuleType],
    folder: Path,
    *,
    imports: Iterable[str] = (),
    side_files: Iterable[SideFile] = (),
    programs: Iterable[str] = (),
    data: Mapping[str, bytes] = MappingProxyType({}),
) -> Bundle:
    """Pack a job's modules and everything that goes with them.

    Args:
        modules: the job's own, and those of its functions. Each brings its whole package, if it has one, and every
            module that it imports and that isn't installed.
        folder: the one in which the job is written.
        imports: top-level names of further modules, as code in `folder` would import them.
        side_files: packed at their paths in the bundle.
        programs: command lines; files in the folder that they name are packed, too.
        data: contents of further files, by their names in the bundle.

    Raises:
        InvalidJob: a file is missing, two files claim one place, or the bundle would be too large.
    """
    for module in modules:
        module_name(module)  # raises if workers can't import it
    files: dict[str, Path] = {}
    for name, path in files_of_modules(modules, imports, folder):
        if files.setdefault(name, path) != path:
            raise InvalidJob(f"workers can't have both {files[name]} and {path} as {name}: rename one of them")
    files |= {path.relative_to(folder).as_posix(): path for path in _named_files(folder, programs)}
    files |= {side_file.bundled: side_file.path for side_file in side_files}
    return pack_files({**files, **data}, f"the code around {modules[0].__file__ if modules else folder}")


def pack_files(files: Mapping[str, Path | bytes], what: str) -> Bundle:
    """Pack files, or contents, under their names in the bundle; `what` describes them in errors.

    Raises:
        InvalidJob: a file can't be read, or the bundle would be too large.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, source in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            is_program = isinstance(source, Path) and os.access(source, os.X_OK)
            entry.external_attr = (0o755 if is_program else 0o644) << 16
            try:
                content = source.read_bytes() if isinstance(source, Path) else source
            except OSError as error:
                what = f"{error.filename} belongs to the job, but can't be read"
                raise InvalidJob(f"{what}: {error.strerror}") from error
            bundle.writestr(entry, content)
    data = buffer.getvalue()
    if len(data) > LARGEST_BUNDLE:
        raise InvalidJob(f"{what} compresses to {len(data)} bytes; a bundle must not exceed {LARGEST_BUNDLE}")
    return Bundle(data, hashlib.sha256(data).hexdigest())


def _named_files(folder: Path, programs: Iterable[str]) -> Iterator[Path]:
    """Files below a folder that a word of a command line names."""
    for word in (word for program in programs for word in words(program)):
        path = (folder / word).resolve() if len(word) < 256 and "\n" not in word else folder
        if path.is_relative_to(folder) and path.is_file():
            yield path
