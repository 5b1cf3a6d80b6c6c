"""`python job.py` starts itself anew if its block `# /// script` names packages that its Python lacks.

It does so with those of `--requirements FILE`, too, which stand in for the block's.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

_STARTED = "FANFOLD_STARTED_ANEW"
"""Names the script that was started anew, so that this happens once."""
REFUSED = 3


def restart_with_packages() -> None:
    """Replace this process by one that can import what the main script asks for, unless it can do so already.

    Called when Fanfold is imported, which a script does before it has done anything else.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if not script or not script.endswith(".py"):
        return
    if os.environ.pop(_STARTED, None) == script:
        _restore_environment()
        return
    try:
        text = Path(script).read_bytes()
    except OSError:
        return
    requirements = _requirements(sys.argv[1:]) if b".main(" in text else None  # others may have such an option, too
    if requirements is not None or b"# /// script" in text:
        _restart(Path(script), requirements)


def _requirements(arguments: Sequence[str]) -> str | None:
    """The value of `--requirements`, long before the command line is read.

    >>> _requirements(["--input", "in.txt", "--requirements", "r.txt"]), _requirements(["--requirements=r.txt"])
    ('r.txt', 'r.txt')
    """
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--requirements":
            return value if equals else next(iter(arguments[at + 1 :]), None)
    return None


def _restore_environment() -> None:
    """Leave the packages to this process: workers install them themselves, after what is Fanfold's own."""
    _, *before = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    if before:
        os.environ["PYTHONPATH"] = os.pathsep.join(before)


def _restart(script: Path, requirements: str | None) -> None:
    from fanfold.dependencies.here import environment_here
    from fanfold.dependencies.requirements import requirements_of
    from fanfold.errors import Refused

    try:
        asked = requirements_of(str(script), requirements)
        if not asked or (requirements is None and all(map(_is_here, asked.dependencies or ()))):
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
