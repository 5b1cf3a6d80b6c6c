"""The user's code: fetched once from the job's bundle, imported by `module:name`, checked before it runs."""

import hashlib
import importlib
import inspect
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fanfold_steps.failure import PermanentFailure, user_traceback
from fanfold_steps.spec import JobConf, JobSpec
from fanfold_storage.objects import read_all
from fanfold_storage.urls import open_objects, split_url

_FORMS = {
    (1,): "one argument, the frame",
    (2,): "two arguments, the key and its values",
    (1, 2): "one argument, the record, or two, its key and the record",
}


class Code:
    """A job's code, importable for the life of this process."""

    def __init__(self, conf: JobConf) -> None:
        self._spec = conf.spec
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.root = Path()
        if conf.bundle_url:
            self._folder = tempfile.TemporaryDirectory(prefix="fanfold-code-")
            self.root = Path(self._folder.name)
            _unpack(conf.bundle_url, conf.spec.bundle, self.root)
            sys.path.insert(0, str(self.root))

    def close(self) -> None:
        """Remove the unpacked bundle."""
        if self._folder:
            sys.path.remove(str(self.root))
            self._folder.cleanup()

    def function(self, reference: str, kind: str, *parameters: int) -> Callable[..., Any]:
        """The function `module:name`, which must take so many positional arguments, or so many.

        Raises:
            PermanentFailure: it can't be imported, or isn't such a function.
        """
        found = self._import(reference)
        if not callable(found):
            raise PermanentFailure("code", f"the {kind} {reference} is {type(found).__name__}, not a function")
        check_parameters(found, f"the {kind} {reference}", *parameters)
        called: Callable[..., Any] = found
        return called

    def compile_entry(self, reference: str) -> JobSpec:
        """The spec of the `Job` that an entry names. Raises PermanentFailure."""
        job = self._import(reference)
        if not hasattr(job, "spec"):
            raise PermanentFailure("code", f"the entry {reference} is {type(job).__name__}, not a fanfold.Job")
        try:
            compiled: JobSpec = job.spec(bundle=self._spec.bundle)
        except Exception as error:
            raise PermanentFailure("code", f"the job {reference} can't be run: {error}") from error
        return compiled

    def _import(self, reference: str) -> Any:
        module, _, name = reference.partition(":")
        try:
            found: Any = importlib.import_module(module)
        except BaseException as error:  # a module may call sys.exit() when it is imported
            trace = user_traceback(error, self.root)
            message = f"the code's module {module} can't be imported: {type(error).__name__}: {error}"
            raise PermanentFailure("code", message, trace=trace) from error
        for part in name.split("."):
            if not hasattr(found, part):
                raise PermanentFailure("code", f"the code's module {module} has no {name!r}")
            found = getattr(found, part)
        return found


def check_parameters(function: Callable[..., Any], what: str, *counts: int) -> None:
    """Raise PermanentFailure unless `function` can be called with one of these counts of positional arguments alone."""
    if any(takes(function, count) for count in counts):
        return
    names = _FORMS[counts]
    raise PermanentFailure("code", f"{what} must take {names}, but is {what.split()[-1]}{inspect.signature(function)}")


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many positional arguments; calling it tells, if it has no signature."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return True  # some builtins tell no signature
    return True


def _unpack(url: str, sha256: str | None, folder: Path) -> None:
    store, key = split_url(url)
    data = read_all(open_objects(store), key)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise PermanentFailure("code", f"the code bundle {url} isn't what was submitted: its SHA-256 differs")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            bundle.extractall(folder)  # zipfile drops absolute paths and `..` itself
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise PermanentFailure("code", f"the code bundle {url} can't be unpacked: {error}") from error
