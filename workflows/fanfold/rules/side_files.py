"""The rules for side files: their names, and their paths in a bundle."""

import os
import re
from pathlib import PurePosixPath

NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


def side_file_problem(name: object, bundled: object) -> str | None:
    """What is wrong with a side file's name or its path in the bundle; None if nothing is."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"a side file's name consists of letters, digits, `_`, `-` and `.`; {name!r:.80} doesn't"
    if not isinstance(bundled, str | os.PathLike) or not str(bundled):
        return f"side file {name} must be a path, not {bundled!r:.80}"
    return None


def leaves_bundle(bundled: str) -> bool:
    """Whether a path in a bundle leads out of the bundle."""
    path = PurePosixPath(bundled)
    return path.is_absolute() or ".." in path.parts or "\\" in bundled
