"""What to do if the job's code imports a module that isn't there: a hint for the error message."""

import re
import sys

_NAMED_OTHERWISE = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""The packages of modules that have another name and are often needed."""
_PRINTED = re.compile(r"^ModuleNotFoundError: No module named '([^'\n]+)'\s*\Z", re.MULTILINE)


def missing_module(error: BaseException) -> str:
    """A hint that follows on an error's message, if code couldn't import a module; otherwise empty.

    >>> missing_module(ModuleNotFoundError("No module named 'yaml'", name="yaml"))[:79]
    " (add its package to the job's file, in the lines `# /// script`, `# dependenci"
    """
    return _hint(error.name) if isinstance(error, ModuleNotFoundError) and error.name else ""


def missing_in_program(stderr: str) -> str:
    """The same for a program, by the last line that it wrote to stderr, if that is how a script in Python ends."""
    found = _PRINTED.search(stderr)
    return _hint(found[1]) if found else ""


def _hint(module: str) -> str:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top.startswith("fanfold"):
        return ""
    package = _NAMED_OTHERWISE.get(top, top)
    block = f'in the lines `# /// script`, `# dependencies = ["{package}"]`, `# ///`'
    return (
        f" (add its package to the job's file, {block}, or to a file for --requirements; add a module of your own with "
        f"--include)"
    )
