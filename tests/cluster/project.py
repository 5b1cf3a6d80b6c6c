"""Fanfold's own images, from the checkout as it stands: Python's root, what the project depends on, its wheel.

The dependencies of a package are an image layer of their own, which is kept as long as the lock file and the project's
dependencies stay the same. The wheel is built each time, and takes seconds.
"""

import hashlib
import json
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

from . import python_root
from .archives import Entry, Image, tree, write_archive, write_layer
from .build import Cache
from .shell import ClusterError, environment, run, say

EXTRAS = {"fanfold-steps": "steps", "fanfold-auth": "auth", "fanfold-submit": "submit"}
"""The images, and the extra of the distribution that each has."""
ENVIRONMENT = {"HOME": "/home/fanfold", "PYTHONUNBUFFERED": "1"}
PLATFORM = "x86_64-manylinux_2_28"


def build(cache: Cache, checkout: Path, registry: str) -> Path:
    """One archive with all of Fanfold's images and Python's alone: they share the root and the code."""
    for name in ("pyproject.toml", "constraints.txt"):
        if not (checkout / name).exists():
            raise ClusterError(f"{checkout / name} is missing: start from the top folder of a checkout of Fanfold.")
    base = python_root.base_layer(cache)
    code = _code_layer(cache, checkout)
    images = [Image(f"{registry}/python:{python_root.PYTHON}", (base,), command=("python3",), env=ENVIRONMENT)]
    for name, extra in EXTRAS.items():
        layers = (base, _dependencies_layer(cache, checkout, extra), code)
        command = ("python3", "-m", name.replace("-", "_"))
        images.append(Image(f"{registry}/{name}:test", layers, command=command, env=ENVIRONMENT))
    return write_archive(cache.root / "images/fanfold.tar", images)


def _dependencies_layer(cache: Cache, checkout: Path, extra: str) -> Path:
    name = f"dependencies-{extra}"
    layer = cache.root / f"layers/{name}.tar"
    stamp = hashlib.sha256(f"{_wanted(checkout)} {cache.stamp('python-root').read_text()}".encode()).hexdigest()
    if cache.is_fresh(name, stamp, [layer]):
        return layer
    say(f"{name}: installing")
    site = cache.root / "site" / extra
    shutil.rmtree(site, ignore_errors=True)
    run(
        find_uv(checkout), "pip", "install", "--quiet", "--target", site, "--link-mode", "copy",
        "--python-version", python_root.PYTHON, "--python-platform", PLATFORM,
        "--constraints", checkout / "constraints.txt", "--requirements", checkout / "pyproject.toml",
        "--extra", extra, cwd=checkout,
    )  # fmt: skip
    _site_layer(cache, site, layer)
    cache.mark(name, stamp)
    return layer


def _wanted(checkout: Path) -> str:
    """What the project asks for and what it is locked to, and nothing of its other settings."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    asked = json.dumps([project.get("dependencies"), project.get("optional-dependencies")])
    return asked + (checkout / "constraints.txt").read_text()


def _code_layer(cache: Cache, checkout: Path) -> Path:
    wheels, site = cache.root / "wheel", cache.root / "site/fanfold"
    for folder in (wheels, site):
        shutil.rmtree(folder, ignore_errors=True)
    run(find_uv(checkout), "build", "--quiet", "--wheel", "--out-dir", wheels, checkout, cwd=checkout)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return _site_layer(cache, site, cache.root / "layers/fanfold.tar")


def _site_layer(cache: Cache, site: Path, layer: Path) -> Path:
    python_root.compile_modules(python_root.unpack(cache), site, python_root.SITE)
    folders = [Path(python_root.SITE), *Path(python_root.SITE).parents][-2::-1]
    return write_layer(layer, [*(Entry(str(folder)) for folder in folders), *tree(site, python_root.SITE)])


def find_uv(checkout: Path) -> Path:
    """The checkout's uv, or the one beside our own Python, or the one in PATH."""
    near = (checkout / ".venv/bin/uv", Path(sys.executable).with_name("uv"))
    found = next((str(path) for path in near if path.exists()), None)
    found = found or shutil.which("uv", path=environment()["PATH"])
    if found is None:
        raise ClusterError("uv is missing; it builds Fanfold's images: `pip install uv`, or `make setup`.")
    return Path(found)
