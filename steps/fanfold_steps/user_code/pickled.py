"""Functions that no file holds, since they were typed at a prompt or in a notebook: a bundle has them in one pickle."""

import linecache
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.user_frames import user_traceback

MODULE = "fanfold_pickled"
"""The module in which workers find them. Classes that were typed belong to it, too, so that values can be pickled."""
FILE = f"{MODULE}.pickle"
_MEND = "run it on workers with that version, or save the functions in a file, from which any version can import them"


def this_python() -> str:
    """The version that pickled code depends on, as in `3.12`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def load_pickled(root: Path, python: str) -> None:
    """Make the module of what a bundle has pickled.

    Args:
        root: the folder of the unpacked bundle.
        python: the version that pickled it.

    Raises:
        PermanentFailure: this is another version, or it can't be unpickled.
    """
    if python != this_python():
        what = f"the job has functions that were typed in Python {python}, and only that version can run them"
        raise PermanentFailure("code", f"{what}, but this worker is Python {this_python()}: {_MEND}")
    try:
        functions, classes, *sources = pickle.loads((root / FILE).read_bytes())  # noqa: S301 — it is the job's own code
    except Exception as error:
        message = f"the functions that were typed can't be loaded: {type(error).__name__}: {error}"
        raise PermanentFailure("code", message, trace=user_traceback(error, root)) from error
    module: Any = types.ModuleType(MODULE)
    vars(module).update(functions)
    for kind in classes:
        kind.__module__ = MODULE
        vars(module).setdefault(kind.__qualname__, kind)
    sys.modules[MODULE] = module
    for name, lines in (sources[0] if sources else {}).items():  # an older bundle has none
        linecache.cache[name] = len(lines), None, lines.splitlines(keepends=True), name


def code_of_cell(make: Callable[..., types.CodeType], parts: tuple[Any, ...], name: str) -> types.CodeType:
    """Code of a function that was defined in a notebook's cell; by its name, tracebacks find its lines."""
    return make(*parts).replace(co_filename=name)


def forget_pickled() -> None:
    """Remove the module."""
    sys.modules.pop(MODULE, None)
