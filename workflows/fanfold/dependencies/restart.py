"""`python job.py` starts itself anew if its block `# /// script` names packages that its Python lacks."""

import os
import sys
from pathlib import Path

_STARTED = "FANFOLD_STARTED_ANEW"
"""Names the script that was started anew, so that this happens once."""
REFUSED = 3


def restart_with_packages() -> None:
    """Replace this process by one that can import what the main script's block names, unless it can do so already.

    Called when Fanfold is imported, which a script does before it has done anything else.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if not script or not script.endswith(".py"):
        return
    if os.environ.pop(_STARTED, None) == script:
        _restore_environment()
        return
    try:
        if b"# /// script" not in Path(script).read_bytes():
            return
    except OSError:
        return
    _restart(Path(script))


def _restore_environment() -> None:
    """Leave the packages to this process: workers install them themselves, after what is Fanfold's own."""
    _, *before = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    if before:
        os.environ["PYTHONPATH"] = os.pathsep.join(before)


def _restart(script: Path) -> None:
    from fanfold.dependencies.here import environment_here
    from fanfold.dependencies.requirements import of_script
    from fanfold.errors import Refused

    try:
        asked = of_script(script)
        if not asked or all(map(_is_here, asked.dependencies or ())):
            return
        folder = environment_here(asked)
        if folder is None:
            return
    except Refused as error:
        print(f"fanfold: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_status", REFUSED))
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, _STARTED: str(script), "PYTHONPATH": os.pathsep.join(paths)}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)  # noqa: S606 (this very command, again)


def _is_here(requirement: str) -> bool:
    """Whether this Python has a package that a requirement accepts."""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(requirement)
        if wanted.marker and not wanted.marker.evaluate():
            return True
        return wanted.name == "fanfold" or wanted.specifier.contains(version(wanted.name), prereleases=True)
    except (PackageNotFoundError, InvalidRequirement):
        return False
