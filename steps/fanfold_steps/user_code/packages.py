"""A job's packages, installed from its wheels by uv, without a network, into a folder that the job's code imports from.

    CACHE/fanfold/environments/DIGEST/site-packages/

The folder's name follows from the wheels, so all workers and jobs with the same ones share it. It appears at once and
complete; whoever is killed in between leaves only a folder of another name.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, MutableMapping
from contextlib import ExitStack, suppress
from pathlib import Path

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.dependencies import Dependencies, Wheel
from fanfold_steps.user_code.package_cache import remove_unused, used
from fanfold_storage.errors import NotFound
from fanfold_storage.extras import to_install
from fanfold_storage.file_lock import locked
from fanfold_storage.urls import open_objects

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_FOLDER = "site-packages"  # by which code in it counts as installed


class Packages:
    """A job's packages in a folder, from which the processes that this one starts can import them, too."""

    def __init__(self, dependencies: Dependencies, wheels_url: str) -> None:
        """Install the packages, unless they are there.

        Raises:
            PermanentFailure: they can't be installed here.
            StorageError: the store is unavailable.
        """
        environments = cache_folder("environments")
        with ExitStack() as undo:
            if environments is None:  # as in a pod, whose only writable folder is that for temporary files
                environments = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="fanfold-environments-")))
            else:
                remove_unused(environments)
            self.folder = installed(dependencies, wheels_url, environments)
            self._temporary = undo.pop_all()
        self._before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PATH")}
        add_to_environment(self.folder, os.environ)

    def close(self) -> None:
        """Give the environment back as it was."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._temporary.close()


def add_to_environment(folder: Path, environ: MutableMapping[str, str]) -> None:
    """Let processes with this environment import what is in a folder, and run the programs in its `bin`.

    >>> environ = {"PATH": "/bin"}
    >>> add_to_environment(Path("/packages"), environ)
    >>> environ
    {'PATH': '/packages/bin:/bin', 'PYTHONPATH': '/packages'}
    """
    first = {"PYTHONPATH": str(folder), "PATH": str(folder / "bin")}
    for name, path in first.items():
        environ[name] = os.pathsep.join([path, *filter(None, [environ.get(name)])])


def cache_folder(name: str) -> Path | None:
    """Fanfold's cache of this kind on this machine, `~/.cache/fanfold/NAME`; None if it can't be written."""
    with suppress(OSError, RuntimeError):  # there may be no home
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "fanfold" / name
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def installed(dependencies: Dependencies, wheels_url: str, environments: Path) -> Path:
    """The folder with the installed packages; they are installed if nobody has done so before.

    Raises:
        PermanentFailure: they were chosen for another Python, or don't fit this machine, or a wheel is missing.
        StorageError: the store of the wheels is unavailable.
    """
    if dependencies.python != THIS_PYTHON:
        raise PermanentFailure(
            "code",
            f"the job's packages are for Python {dependencies.python} on {dependencies.platform}, but this worker runs "
            f"Python {THIS_PYTHON}: submit the job again, for the Python of the image",
        )
    found = environments / dependencies.digest / _FOLDER
    if not found.is_dir():
        with locked(environments / f"{dependencies.digest}.lock"):
            if not found.is_dir():
                _install(dependencies, wheels_url, found.parent)
    used(found.parent)
    return found


def _install(dependencies: Dependencies, wheels_url: str, final: Path) -> None:
    """Install into a folder of our own, and give it its name at the end. The caller holds the lock."""
    for left in final.parent.glob(f"{final.name}.*.partial"):
        shutil.rmtree(left, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{final.name}.", suffix=".partial", dir=final.parent))
    try:
        files = [_fetch(wheel, wheels_url, partial) for wheel in dependencies.wheels]
        _run_uv(dependencies, partial, files)
        (partial / "new").rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch(wheel: Wheel, wheels_url: str, folder: Path) -> Path:
    """Copy a wheel out of the store, under its own name. Raises PermanentFailure, StorageError."""
    path, digest = folder / wheel.name, hashlib.sha256()
    try:
        with path.open("wb") as file:
            for chunk in open_objects(wheels_url).read(wheel.sha256):
                digest.update(chunk)
                file.write(chunk)
    except NotFound as error:
        raise PermanentFailure("code", f"{wheel.name} isn't stored any more: submit the job again") from error
    if digest.hexdigest() != wheel.sha256:
        raise PermanentFailure("code", f"{wheel.name} isn't what was submitted: its SHA-256 differs")
    return path


def _run_uv(dependencies: Dependencies, partial: Path, files: list[Path]) -> None:
    new = partial / "new" / _FOLDER
    new.mkdir(parents=True)
    if not files:
        return
    options = ["--offline", "--no-index", "--no-deps", "--no-config", "--cache-dir", str(partial / "cache")]
    command = [find_uv(_no_uv), "pip", "install", "--quiet", *options, "--python", sys.executable]
    done = subprocess.run(
        [*command, "--target", str(new), *map(str, files)],
        env=environment_of_uv(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        why = " ".join(done.stderr.split())[-1000:]
        what = f"the job's packages, chosen for Python {dependencies.python} on {dependencies.platform}"
        raise PermanentFailure("code", f"{what}, can't be installed here: {why}")


def environment_of_uv() -> dict[str, str]:
    """This process's environment without uv's settings, which say how to find packages, not what to do with ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("UV_")}


def find_uv(missing: Callable[[str], Exception]) -> str:
    """The program uv: the one installed with Fanfold, or one in PATH. Raises what `missing` makes of a sentence."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        if found := shutil.which("uv"):
            return found
        raise missing("uv, which installs packages, is missing") from None


def _no_uv(why: str) -> PermanentFailure:
    return PermanentFailure("code", f"the job needs packages, but {why} where this worker runs: {to_install('steps')}")
