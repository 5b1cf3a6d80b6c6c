"""Copies of the checkout with an environment of their own: what is mutated is never what somebody works on."""

import filecmp
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "build" / "mutants"


def refresh(number: int) -> Path:
    """Bring a copy up to date with the checkout, changes that are not committed included, and return its folder.

    Raises:
        subprocess.CalledProcessError: its environment can't be made; the command has said why.
    """
    copy = FOLDER / f"copy-{number}"
    copy.mkdir(parents=True, exist_ok=True)
    wanted = {name for name in _listed(CHECKOUT) if (CHECKOUT / name).is_file()}
    if not (copy / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    for name in _listed(copy) - wanted:
        (copy / name).unlink(missing_ok=True)
    for name in wanted:
        target = copy / name
        if not target.exists() or not filecmp.cmp(CHECKOUT / name, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target)
    subprocess.run(["git", "add", "--all"], cwd=copy, check=True)  # a test asks Git for the files that there are
    subprocess.run(["make", "--no-print-directory", "env", f"PYTHON={sys.executable}"], cwd=copy, check=True)
    # Bytecode that is checked by the source's hash: an import sees a mutation that is as long as what it replaces.
    compile_all = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *source_roots(), "tests"]
    subprocess.run([copy / ".venv/bin/python", *compile_all], cwd=copy, check=True)
    return copy


def source_roots() -> list[str]:
    """The folders of what is installed, as `pyproject.toml` names them."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    packages: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return packages


def _listed(folder: Path) -> set[str]:
    """The files that Git knows or would take in."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name for name in told.split("\0") if name}
