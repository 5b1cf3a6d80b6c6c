"""Build the cluster's binaries from Go modules, once, into a cache outside the checkout.

A stamp beside the binaries says from which recipe they were made; what bears the right one is left alone.
"""

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import packages
from .golang import Workshop, find_go
from .recipes import CLUSTER, KUBERNETES_RECIPE, OPTIONAL, PAUSE, Recipe
from .shell import ClusterError, run, say


@dataclass(frozen=True)
class Cache:
    """Where the test cluster keeps what is costly to make; it may be deleted at any time."""

    root: Path

    @property
    def bin(self) -> Path:
        """kubectl, argo, the daemons."""
        return self.root / "bin"

    @property
    def cni(self) -> Path:
        """The network plugins, in a folder of their own: the container runtime runs whatever lies there."""
        return self.root / "cni"

    @property
    def argo_source(self) -> Path:
        """The copy of Argo Workflows' module, which holds its manifests too."""
        return self.root / "src/argo/argo-workflows"

    def stamp(self, name: str) -> Path:
        """The file that says from what a group of binaries (or an image) was made."""
        return self.root / "stamps" / name

    def is_fresh(self, name: str, content: str, files: Iterable[Path]) -> bool:
        """Whether the files are there and were made from this content."""
        stamp = self.stamp(name)
        return stamp.exists() and stamp.read_text() == content and all(file.exists() for file in files)

    def mark(self, name: str, content: str) -> None:
        """Note what the files were made from, after the last of them is in place."""
        self.stamp(name).parent.mkdir(parents=True, exist_ok=True)
        self.stamp(name).write_text(content)


def default_cache() -> Cache:
    """The folder that FANFOLD_CLUSTER_CACHE names, or one in the user's own cache."""
    named = os.environ.get("FANFOLD_CLUSTER_CACHE")
    return Cache(Path(named) if named else Path.home() / ".cache/fanfold/cluster")


def build(cache: Cache, names: Iterable[str] = ()) -> None:
    """Make what is missing: Debian packages, then the named groups (all that the cluster needs, if none is named)."""
    wanted = choose(names)
    cache.root.mkdir(parents=True, exist_ok=True)
    packages.install()
    stale = [recipe for recipe in wanted if not _is_fresh(cache, recipe)]
    if stale:
        (cache.root / "src").mkdir(exist_ok=True)
        workshop = Workshop(find_go(cache.root), cache.root / "src")
        for recipe in stale:
            _build_one(cache, workshop, recipe)
    if KUBERNETES_RECIPE in wanted:
        _build_pause(cache)


def choose(names: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes of these names; those of the cluster, if there are none."""
    known = {recipe.name: recipe for recipe in (*CLUSTER, *OPTIONAL)}
    chosen = list(names)
    for name in chosen:
        if name not in known:
            raise ClusterError(f"There is no group {name!r}: choose among {', '.join(known)}.")
    return tuple(known[name] for name in chosen) or CLUSTER


def _is_fresh(cache: Cache, recipe: Recipe) -> bool:
    folder = cache.root / recipe.folder
    return cache.is_fresh(recipe.name, _digest(recipe), [folder / name for name in recipe.binaries])


def _digest(recipe: Recipe) -> str:
    made_from = repr(recipe) + (repr(recipe.page) if recipe.page else "")
    return hashlib.sha256(made_from.encode()).hexdigest()


def _build_one(cache: Cache, workshop: Workshop, recipe: Recipe) -> None:
    say(f"{recipe.name} {recipe.version}: building {', '.join(recipe.binaries)}")
    began = time.monotonic()
    workshop.build(recipe, cache.root / recipe.folder)
    cache.mark(recipe.name, _digest(recipe))
    say(f"{recipe.name} {recipe.version}: {time.monotonic() - began:.0f} s")


def _build_pause(cache: Cache) -> None:
    """The process that holds a pod's network open: one C file of Kubernetes', linked statically."""
    binary = cache.bin / "pause"
    if cache.is_fresh("pause", PAUSE, [binary]):
        return
    workshop = Workshop(find_go(cache.root), cache.root / "src")
    source, _ = workshop.source(KUBERNETES_RECIPE)
    run("gcc", "-static", "-Os", "-s", f"-DVERSION={PAUSE}", "-o", binary, source / "build/pause/linux/pause.c")
    cache.mark("pause", PAUSE)
