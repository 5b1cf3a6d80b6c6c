"""Container images without a registry: layers, and the archive that a container runtime imports.

A layer's file is named by its digest inside an archive, as imports that run side by side lock on that name.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FANFOLD_USER = "8737"
"""Numeric, as `runAsNonRoot` can't look a name up."""


@dataclass(frozen=True)
class Entry:
    """One file (its content, or a path to it), link or folder (neither) of a layer."""

    name: str
    source: Path | bytes | None = None
    mode: int = 0o755
    link: str = ""


@dataclass(frozen=True)
class Image:
    """A tag, the layers from the bottom up, and what a container of it runs as and by default."""

    tag: str
    layers: tuple[Path, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = FANFOLD_USER
    env: Mapping[str, str] = field(default_factory=dict)


def tree(root: Path, at: str = "") -> Iterator[Entry]:
    """Everything below a folder, in a stable order, to lie at `at` in the image."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            inside = str(Path(at, path.relative_to(root)))
            if path.is_symlink():
                yield Entry(inside, link=os.readlink(path))
            elif path.is_dir():
                yield Entry(inside, mode=path.stat().st_mode & 0o7777)
            elif path.is_file():
                yield Entry(inside, path, path.stat().st_mode & 0o7777)


def write_layer(target: Path, entries: Iterable[Entry]) -> Path:
    """Write entries as a layer that doesn't depend on the clock or on who builds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with tarfile.open(fresh, "w", format=tarfile.GNU_FORMAT) as layer:
        for entry in entries:
            _add(layer, entry)
    fresh.replace(target)
    return target


def _add(layer: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.name)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        layer.addfile(info)
    elif isinstance(entry.source, bytes):
        info.size = len(entry.source)
        layer.addfile(info, io.BytesIO(entry.source))
    elif isinstance(entry.source, Path):
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as content:
            layer.addfile(info, content)
    else:
        info.type = tarfile.DIRTYPE
        layer.addfile(info)


def write_archive(target: Path, images: Iterable[Image]) -> Path:
    """Write a docker-archive of images; a layer that several share is in it once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    written: dict[Path, str] = {}
    with tarfile.open(fresh, "w", format=tarfile.GNU_FORMAT) as archive:
        manifest = [_add_image(archive, image, written) for image in images]
        _add(archive, Entry("manifest.json", json.dumps(manifest).encode(), 0o644))
    fresh.replace(target)
    return target


def _add_image(archive: tarfile.TarFile, image: Image, written: dict[Path, str]) -> dict[str, object]:
    for layer in image.layers:
        if layer not in written:
            written[layer] = _digest(layer)
            _add(archive, Entry(f"{written[layer]}.tar", layer, 0o644))
    digests = [written[layer] for layer in image.layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": image.user,
            "Env": [f"{name}={value}" for name, value in {"PATH": _PATH, **image.env}.items()],
            "Entrypoint": list(image.entrypoint) or None,
            "Cmd": list(image.command) or None,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
    }
    content = json.dumps(config).encode()
    name = f"{hashlib.sha256(content).hexdigest()}.json"
    _add(archive, Entry(name, content, 0o644))
    return {"Config": name, "RepoTags": [image.tag], "Layers": [f"{digest}.tar" for digest in digests]}


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
