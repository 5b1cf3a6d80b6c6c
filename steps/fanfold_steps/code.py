"""The user's code: fetched once from the job's bundle, imported by `module:name`, checked before it runs."""

import copy
import hashlib
import importlib
import io
import stat
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fanfold_steps.calling import Part, check_parameters
from fanfold_steps.context import Context
from fanfold_steps.cursor import Cursor
from fanfold_steps.failure import PermanentFailure, user_traceback
from fanfold_steps.params import NEEDED, InvalidParams, validated
from fanfold_steps.policy import Skip
from fanfold_steps.quarantine import Quarantine
from fanfold_steps.spec import JobConf, JobSpec
from fanfold_storage.objects import read_all
from fanfold_storage.urls import open_objects, split_url


class Code:
    """A job's code, importable for the life of this process."""

    def __init__(self, conf: JobConf, status: Callable[[str], None] = lambda text: None) -> None:
        self.conf = conf
        self._status = status
        self._params: Any = None
        self._files: dict[str, Path] = {}
        self._skips = False
        self.cursor: Cursor | None = None
        """That of what is being mapped."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.root = Path()
        if conf.bundle_url:
            self._folder = tempfile.TemporaryDirectory(prefix="fanfold-code-")
            self.root = Path(self._folder.name)
            _unpack(conf.bundle_url, conf.spec.bundle, self.root)
            sys.path.insert(0, str(self.root))

    @property
    def files(self) -> dict[str, Path]:
        """What programs find in their folder, by name: the bundle's files, and side files by the names they have."""
        return {**self._files, **({path.name: path for path in self.root.iterdir()} if self._folder else {})}

    def close(self) -> None:
        """Remove the unpacked bundle."""
        if self._folder:
            sys.path.remove(str(self.root))
            self._folder.cleanup()

    def surround(self, spec: JobSpec) -> None:
        """Make ready what contexts give: the parameters by the job's model, the side files.

        Raises:
            PermanentFailure: the parameters don't fit, or a file isn't there.
        """
        self._skips = isinstance(spec.on_error, Skip)
        if spec.params:
            try:
                self._params = validated(self._import(spec.params.function), self.conf.params)
            except InvalidParams as error:
                raise PermanentFailure("params", str(error)) from error
        elif self.conf.params:
            raise PermanentFailure("params", "the job takes no parameters, but was given some: leave them out")
        self._files = {name: self.root / path for name, path in spec.files.items()}
        for name, path in self._files.items():
            if not path.is_file():
                raise PermanentFailure("code", f"the code bundle has no {spec.files[name]}, the side file {name!r}")

    def context(self, cursor: Cursor | None = None) -> Context:
        """A new context, for one attempt; `cursor` follows the record that is being mapped."""
        return Context(self._status, cursor, copy.deepcopy(self._params), self._files)

    @contextmanager
    def following(self, cursor: Cursor) -> Iterator[None]:
        """Meanwhile it is this cursor's record that a task that takes too long is told with; then the one before."""
        before, self.cursor = self.cursor, cursor
        try:
            yield
        finally:
            self.cursor = before

    def quarantine(self) -> Quarantine | None:
        """Where one attempt puts bad records; None if they end the job."""
        return Quarantine() if self._skips else None

    def part(self, reference: str, kind: str, *parameters: int) -> Part:
        """The function or object `module:name`, which must take so many positional arguments, or so many, and `ctx`
        if it names it.

        Raises:
            PermanentFailure: it can't be imported, or can't be called so.
        """
        found = self._import(reference)
        if not callable(found):
            raise PermanentFailure("code", f"the {kind} {reference} is {type(found).__name__}, not a function")
        check_parameters(found, f"the {kind} {reference}", *parameters)
        return Part(found, kind, self.root)

    def compile_entry(self, reference: str) -> JobSpec:
        """The spec of the `Job` that an entry names. Raises PermanentFailure."""
        job = self._import(reference)
        if not hasattr(job, "spec"):
            raise PermanentFailure("code", f"the entry {reference} is {type(job).__name__}, not a fanfold.Job")
        try:
            compiled: JobSpec = job.spec(bundle=self.conf.spec.bundle)
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
            if isinstance(error, ImportError) and error.name == "pydantic":
                message += f" ({NEEDED})"
            raise PermanentFailure("code", message, trace=trace) from error
        for part in name.split("."):
            if not hasattr(found, part):
                raise PermanentFailure("code", f"the code's module {module} has no {name!r}")
            found = getattr(found, part)
        return found


def _unpack(url: str, sha256: str | None, folder: Path) -> None:
    store, key = split_url(url)
    data = read_all(open_objects(store), key)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise PermanentFailure("code", f"the code bundle {url} isn't what was submitted: its SHA-256 differs")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            for entry in bundle.infolist():
                path = Path(bundle.extract(entry, folder))  # zipfile drops absolute paths and `..` itself
                if entry.external_attr >> 16 & stat.S_IXUSR and path.is_file():
                    path.chmod(path.stat().st_mode | 0o111)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise PermanentFailure("code", f"the code bundle {url} can't be unpacked: {error}") from error
