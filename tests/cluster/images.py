"""Every image that the test cluster runs: the programs it is made of, Python's, and Fanfold's own."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import project, python_root, recipes
from .archives import Entry, Image, write_archive, write_layer
from .build import Cache

REGISTRY = "lab.local"
"""A name that no registry has: what isn't imported can't be pulled by mistake."""


@dataclass(frozen=True)
class Program:
    """An image that holds little more than binaries of ours."""

    name: str
    version: str
    binaries: tuple[str, ...]
    user: str = "8737"
    folder: str = "bin"
    bare: bool = False
    """Without accounts, certificates and /tmp."""

    @property
    def tag(self) -> str:
        """The name that manifests call it by."""
        return f"{REGISTRY}/{self.name}:{self.version}"


PAUSE = Program("pause", recipes.PAUSE, ("pause",), user="65535", folder="", bare=True)
COREDNS = Program("coredns", recipes.COREDNS, ("coredns",), user="0")
NETWORK_POLICIES = Program("kube-network-policies", recipes.NETWORK_POLICIES, ("kube-network-policies",), user="0")
ARGOEXEC = Program("argoexec", recipes.ARGO, ("argoexec",))
ARGO = Program("argo", recipes.ARGO, ("argo", "workflow-controller"))
ETCD = Program("etcd", recipes.ETCD, ("etcd", "etcdctl"))
MINIO = Program("minio", "test", ("minio",))
PROGRAMS = (PAUSE, COREDNS, NETWORK_POLICIES, ARGOEXEC, ARGO, ETCD, MINIO)


def build_programs(cache: Cache) -> list[Path]:
    """The archives of all images but Python's and Fanfold's, made when one of their binaries has changed."""
    root = python_root.unpack(cache)
    return [_program_archive(cache, program, root) for program in PROGRAMS]


def _program_archive(cache: Cache, program: Program, root: Path) -> Path:
    archive = cache.root / f"images/{program.name}.tar"
    binaries = [cache.bin / name for name in program.binaries]
    made_from = hashlib.sha256(repr((program, [_state(path) for path in binaries])).encode()).hexdigest()
    if not cache.is_fresh(f"image-{program.name}", made_from, [archive]):
        layer = write_layer(archive.with_suffix(".layer"), _program_entries(program, binaries, root))
        first = "/".join(("", *filter(None, [program.folder]), program.binaries[0]))
        image = Image(program.tag, (layer,), (first,), user=program.user, env={"HOME": "/home/fanfold"})
        write_archive(archive, [image])
        layer.unlink()
        cache.mark(f"image-{program.name}", made_from)
    return archive


def _state(path: Path) -> tuple[str, int, int]:
    return path.name, path.stat().st_size, path.stat().st_mtime_ns


def _program_entries(program: Program, binaries: Iterable[Path], root: Path) -> Iterator[Entry]:
    if not program.bare:
        yield from python_root.account_entries(root)
    if program.folder:
        yield Entry(program.folder)
    for path in binaries:
        yield Entry(str(Path(program.folder, path.name)), path)


def build_project(cache: Cache, checkout: Path) -> Path:
    """The archive of Python's image and Fanfold's, as the checkout stands now."""
    return project.build(cache, checkout, REGISTRY)
