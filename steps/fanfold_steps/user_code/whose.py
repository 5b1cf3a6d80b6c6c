"""Whose code it is: that of the job, which its bundle brings, or what is installed."""

import sys
from functools import cache
from pathlib import Path

from fanfold_steps.failure.user_frames import is_own

_PACKAGES = {"site-packages", "dist-packages"}


def is_installed(file: str) -> bool:
    """Whether a module's file belongs to Python, to an installed package or to Fanfold."""
    path = Path(file)
    return (
        not _PACKAGES.isdisjoint(path.parts)
        or any(path.is_relative_to(folder) for folder in _python_folders())
        or is_own(file)
    )


def is_of_python(file: str) -> bool:
    """Whether a module's file comes with Python or with Fanfold; a built-in module has none."""
    path = Path(file)
    in_python = any(path.is_relative_to(folder) for folder in _python_folders()[:2])
    return not file or is_own(file) or file.startswith("<frozen") or (in_python and _PACKAGES.isdisjoint(path.parts))


def is_of_user(kind: type) -> bool:
    """Whether a class belongs to the job's own code."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return not is_installed(file) if file else kind.__module__.partition(".")[0] not in sys.stdlib_module_names


@cache
def _python_folders() -> tuple[Path, ...]:
    import sysconfig  # takes longer to load than the rest of this module, and built-in jobs don't ask

    return tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
