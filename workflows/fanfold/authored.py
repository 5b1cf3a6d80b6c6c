"""From what a person names (a built-in job or a Python file) to a spec and the code that goes with it."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from fanfold import builtin
from fanfold.bundle import Bundle, pack
from fanfold.job import Job
from fanfold.params import from_options
from fanfold.programs import refuse_missing
from fanfold.stage import InvalidJob
from fanfold_steps.failure import raised_in_user_code, told_at, user_traceback
from fanfold_steps.spec import JobSpec


@dataclass(frozen=True, slots=True)
class Authored:
    """A job ready to be planned or submitted; built-in ones and those without functions need no bundle."""

    spec: JobSpec
    bundle: Bundle | None
    model: Any = None
    """The pydantic model of its parameters, if it has any."""
    params: dict[str, Any] = field(default_factory=dict)
    builtin: str | None = None
    """The name of a built-in job."""

    def given(self, options: Sequence[str]) -> "Authored":
        """The job with parameters, each written `NAME=VALUE`. Raises Refused: they don't fit it."""
        return replace(self, params=from_options(self.model, options))

    def look_for_programs(self, *, here: bool) -> None:
        """See that the programs are there, as far as it can be seen; `here` if workers run on this machine.

        Raises:
            InvalidCommand: one isn't.
        """
        refuse_missing(self.spec, {*self.spec.files, *(self.bundle.names if self.bundle else ())}, here=here)


def resolve(job: str) -> Authored:
    """The job that `job` names: a Python file if it ends in `.py` or is one, else a built-in.

    Raises:
        InvalidJob: the file doesn't hold exactly one job, or can't be imported (with the line, or the traceback).
        UnknownJob: there is no such built-in.
    """
    path = Path(job)
    if job.endswith(".py") or path.is_file():
        if not path.is_file():
            raise InvalidJob(f"there is no file {job}: check the path")
        module = load_module(path)
        return compile_job(_find_job(module), module)
    found = builtin.load(job)
    return Authored(found.spec(), None, found.params, builtin=job)


def compile_job(job: Job, module: ModuleType | None = None) -> Authored:
    """A job's spec with the code of the module that it is defined in, or else of its functions'. Raises InvalidJob."""
    try:
        found = job.module
        module = module or found if found else None
        bundle = pack(module, job.side_files().values(), job.programs) if module else None
        return Authored(job.spec(bundle.sha256 if bundle else None), bundle, job.params)
    except InvalidJob as error:
        raise InvalidJob(f"{job.written_at}: {error}") from error


def load_module(path: Path) -> ModuleType:
    """Import a file under the name that workers will use: dotted if it lies in a package. Raises InvalidJob."""
    path = path.resolve()
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(".".join(names))
    except SystemExit as error:
        mend = 'put job.main() and whatever else it runs under `if __name__ == "__main__":`'
        raise InvalidJob(f"{path} ends the process when it is imported: {mend}") from error
    except Exception as error:
        if not raised_in_user_code(error.__traceback__):  # a part that can't be: the place and the words say it all
            raise InvalidJob(told_at(error, root)) from error
        raise InvalidJob(f"{path} can't be imported:\n{user_traceback(error, root)}") from error
    if Path(str(module.__file__)).resolve() != path:
        raise InvalidJob(f"{path} has the name of another module ({module.__file__}): rename it")
    return module


def _find_job(module: ModuleType) -> Job:
    if isinstance(getattr(module, "job", None), Job):
        job: Job = module.job
        return job
    found = {name: value for name, value in vars(module).items() if isinstance(value, Job)}
    if len(found) != 1:
        several = f"several jobs ({', '.join(sorted(found))})" if found else "no Job"
        raise InvalidJob(f"{module.__file__} holds {several}: call the one to run `job`")
    return found.popitem()[1]
