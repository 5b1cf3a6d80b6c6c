"""Files shipped with a job of programs, by the names under which programs find them in their working directory."""

import glob
import shutil
import tarfile
import tempfile
from pathlib import Path

from fanfold.authoring.code.bundle import pack_files
from fanfold.authoring.code.side_files import files_below
from fanfold.errors import InvalidJob
from fanfold.planning.compiled import Bundle

_ARCHIVES = tuple(suffix for _, suffixes, _ in shutil.get_unpack_formats() for suffix in suffixes)


class Shipment:
    """Files, folders and archives to ship, each written as `PATH` or `PATH#NAME`.

    Used in a `with` block, because archives are unpacked into a temporary folder until everything is packed.
    """

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        """By name."""
        self._unpacked = tempfile.TemporaryDirectory(prefix="fanfold-shipment-")

    def __enter__(self) -> "Shipment":
        return self

    def __exit__(self, *_: object) -> None:
        self._unpacked.cleanup()

    def add(self, place: str) -> str:
        """Ship a file, or all files in a folder; returns its name. Raises InvalidJob."""
        path, name = _path_and_name(place)
        if not path.exists():
            raise InvalidJob(f"there is no file or folder {path} to ship: check the path")
        return self.add_path(path, name or path.resolve().name)

    def add_path(self, path: Path, name: str) -> str:
        """Ship a file, or all files in a folder, under a name; returns the name. Raises InvalidJob: it is taken."""
        below = [(f"{name}/{file.relative_to(path).as_posix()}", file) for file in files_below(path)]
        for own, file in below if path.is_dir() else [(name, path)]:
            if not self.files.setdefault(own, file).samefile(file):
                raise InvalidJob(f"two files to ship are named {own}: ship one under another name, as {file}#NAME")
        return name

    def add_archive(self, place: str) -> str:
        """Ship an archive's contents, as a folder with the archive's name; returns the name. Raises InvalidJob."""
        path, name = _path_and_name(place)
        name = name or path.name
        if not path.is_file():
            raise InvalidJob(f"there is no archive {path} to ship: check the path")
        folder = Path(tempfile.mkdtemp(dir=self._unpacked.name))
        kind = {"format": "zip"} if path.suffix == ".jar" else {}
        try:
            shutil.unpack_archive(path, folder, **kind, filter=None if kind or path.suffix == ".zip" else "data")
        except (shutil.ReadError, tarfile.TarError, OSError, ValueError, EOFError) as error:
            known = ", ".join(_ARCHIVES)
            raise InvalidJob(f"the archive {path} can't be unpacked: {error}; use one of {known}, .jar") from error
        return self.add_path(folder, name)

    def pack(self) -> Bundle | None:
        """Everything as a bundle; None if there is nothing. Raises InvalidJob."""
        return pack_files(self.files, "the files to ship") if self.files else None


def matching(place: str) -> list[str]:
    """The places that a pattern stands for, sorted; the place itself if it is no pattern, or matches nothing."""
    return sorted(glob.glob(place)) or [place]  # noqa: PTH207 — a place may be absolute


def _path_and_name(place: str) -> tuple[Path, str]:
    """The path, and the name that follows on a `#`, unless that is part of the path."""
    path, _, name = place.partition("#") if not Path(place).exists() else (place, "", "")
    return Path(path), name
