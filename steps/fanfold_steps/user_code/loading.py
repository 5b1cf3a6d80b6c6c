"""Loading the user's code: the bundle is fetched once, functions are imported by `module:name` and checked."""

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

from fanfold_steps.failure.missing_module import missing_module
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.place import at_place
from fanfold_steps.failure.user_frames import missing_file, user_traceback
from fanfold_steps.inputs.cursor import Cursor, Watch
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Identity, JobConf, JobSpec
from fanfold_steps.tree.commit import Counters
from fanfold_steps.user_code.calling import UserFunction, check_parameters
from fanfold_steps.user_code.context import Context
from fanfold_steps.user_code.identity import difference, identity_of, variables_of
from fanfold_steps.user_code.packages import Packages
from fanfold_steps.user_code.params import NEEDED, InvalidParams, validated
from fanfold_steps.user_code.pickled import forget_pickled, load_pickled
from fanfold_steps.user_code.twins import TableJoin, join_of, twin_of
from fanfold_storage.objects import read_all
from fanfold_storage.urls import open_objects, split_url


class Code:
    """A job's code, importable for the life of this process."""

    def __init__(self, conf: JobConf, status: Callable[[str], None] = lambda text: None) -> None:
        self.conf = conf
        self._status = status
        self._params: Any = None
        self._files: dict[str, Path] = {}
        self._expected: dict[str, dict[str, Identity]] = {}
        """What names of modules that aren't imported yet must lead to, by module."""
        self.skips = False
        """Whether bad records are quarantined; otherwise the first one fails the job."""
        self.cursor: Cursor | None = None
        """The cursor of the batches that are being mapped."""
        self.counted_before: Callable[[], Counters] | None = None
        """Returns what was counted before the current step; None in the first one."""
        self.watch: Watch | None = None
        """Called with the position of each record of the current task, if processes have died at it."""
        self._packages: Packages | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.root = Path()
        if conf.bundle_url:
            self._folder = tempfile.TemporaryDirectory(prefix="fanfold-code-")
            self.root = Path(self._folder.name)
            _unpack(conf.bundle_url, conf.spec.bundle, self.root)
            sys.path.insert(0, str(self.root))

    @property
    def files(self) -> dict[str, Path]:
        """The files in the working folder of programs, by name: the bundle's files, and side files by their names."""
        return {**self._files, **({path.name: path for path in self.root.iterdir()} if self._folder else {})}

    def close(self) -> None:
        """Remove the unpacked bundle."""
        if self._folder:
            sys.path.remove(str(self.root))
            forget_pickled()
            self._folder.cleanup()
        if self._packages:
            sys.path.remove(str(self._packages.folder))
            self._packages.close()

    def install_packages(self) -> None:
        """Let the job's code import its packages. What lies in its bundle comes first, as beside a script.

        Raises:
            PermanentFailure: they can't be installed here.
            StorageError: the store is unavailable.
        """
        if self.conf.spec.dependencies and self.conf.wheels_url:
            self._status("installing packages")
            self._packages = Packages(self.conf.spec.dependencies, self.conf.wheels_url)
            sys.path.insert(1 if self._folder else 0, str(self._packages.folder))
            self._status("")

    def prepare(self, spec: JobSpec) -> None:
        """Prepare what contexts offer: the parameters, checked by the job's model, and the side files. From here on,
        names are compared with what they led to where the job was compiled.

        Raises:
            PermanentFailure: the parameters don't fit the model, or a side file is missing.
        """
        for reference, identity in spec.identities.items():
            self._expected.setdefault(reference.partition(":")[0], {})[reference] = identity
        if spec.python:
            load_pickled(self.root, spec.python)
        self.skips = isinstance(spec.on_error, Skip)
        if spec.params:
            try:
                self._params = validated(self._import(spec.params.function), self.conf.params)
            except InvalidParams as error:
                raise PermanentFailure("params", str(error)) from error
        elif self.conf.params:
            raise PermanentFailure("params", "the job takes no parameters, but got some: leave them out")
        self._files = {name: self.root / path for name, path in spec.files.items()}
        for name, path in self._files.items():
            if not path.is_file():
                raise PermanentFailure("code", f"the code bundle has no {spec.files[name]}, the side file {name!r}")

    def context(self, cursor: Cursor | None = None) -> Context:
        """A new context for one attempt; `cursor` follows the record that is being mapped."""
        return Context(self._status, cursor, copy.deepcopy(self._params), self._files, self.counted_before)

    @contextmanager
    def following(self, cursor: Cursor) -> Iterator[None]:
        """Make this the cursor that says at which record a task timed out, or something unexpected was raised, while
        the context is open."""
        before, self.cursor = self.cursor, cursor
        try:
            with at_place(lambda: cursor.position):
                yield
        finally:
            self.cursor = before

    def function(self, reference: str, kind: str, *parameters: int) -> UserFunction:
        """The function or object `module:name`; `parameters` are the numbers of positional arguments that it may take,
        besides `ctx`.

        Raises:
            PermanentFailure: it can't be imported, or takes other arguments.
        """
        function = self._import(reference)
        if not callable(function):
            raise PermanentFailure("code", f"the {kind} {reference} is {type(function).__name__}, not a function")
        check_parameters(function, f"the {kind} {reference}", *parameters)
        return UserFunction(function, kind, self.root)

    def twin(self, reference: str) -> str | None:
        """The columnar twin of a mapper; None if it has none, or can't be imported, which its map tasks will report."""
        try:
            return twin_of(self._import(reference))
        except PermanentFailure:
            return None

    def table_join(self, reference: str, model: str | None = None) -> TableJoin | None:
        """The join of tables that a reducer does; None if it does something else, or there is something wrong that its
        tasks will report. `model` is that of the parameters, unless they are prepared."""
        try:
            params = validated(self._import(model), self.conf.params) if model else self._params
            return join_of(self._import(reference), params) if params is not None else None
        except (PermanentFailure, InvalidParams):
            return None

    def compile_entry(self, reference: str) -> JobSpec:
        """The spec of the `Job` that an entry names. Raises PermanentFailure."""
        job = self._import(reference)
        if not hasattr(job, "spec"):
            raise PermanentFailure("code", f"the entry {reference} is {type(job).__name__}, not a fanfold.Job")
        try:
            compiled: JobSpec = job.spec(bundle=self.conf.spec.bundle)
        except Exception as error:
            raise PermanentFailure("code", f"the job {reference} is invalid: {error}") from error
        return compiled

    def _import(self, reference: str) -> Any:
        module = reference.partition(":")[0]
        try:
            importlib.import_module(module)
        except BaseException as error:  # a module may call sys.exit() when it is imported
            trace = user_traceback(error, self.root)
            message = f"the code's module {module} can't be imported: {type(error).__name__}: {error}"
            if isinstance(error, ImportError) and error.name == "pydantic":
                message += f" ({NEEDED})"
            else:
                message += missing_file(error, self.root) or missing_module(error)
            raise PermanentFailure("code", message, trace=trace) from error
        for other, identity in self._expected.pop(module, {}).items():  # at once, before user code changes anything
            self._demand(other, identity)
        return _found(reference)

    def _demand(self, reference: str, identity: Identity) -> None:
        """See that a name leads to what the job was given. Raises PermanentFailure."""
        found = identity_of(_found(reference), variables_of(identity), {str(self.root): "."})
        if why := difference(identity, found):
            raise PermanentFailure("code", f"workers find something else as {reference} than the job was given: {why}")


def _found(reference: str) -> Any:
    """What a reference to an imported module leads to. Raises PermanentFailure."""
    module, _, name = reference.partition(":")
    found: Any = sys.modules[module]
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
