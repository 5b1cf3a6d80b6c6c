"""Find the job that a user names: a built-in job or a Python file."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fanfold import builtin
from fanfold.authoring.code.references import importable_name
from fanfold.authoring.job import Job
from fanfold.errors import InvalidJob, UnknownJob
from fanfold.planning.compiled import CompiledJob
from fanfold_steps.failure.missing_module import missing_module
from fanfold_steps.failure.user_frames import message_with_line, raised_in_user_code, user_traceback


def resolve(job: str, include: Sequence[str] = ()) -> CompiledJob:
    """The job that `job` names: a Python file if it ends in `.py`, else a built-in job.

    Args:
        job: the name.
        include: files and folders beside the Python file that travel with its code.

    Raises:
        InvalidJob: the file doesn't define exactly one job, or can't be imported (with the line, or the traceback); or
            a file to include isn't beside it.
        UnknownJob: there is no such built-in job.
    """
    path = Path(job)
    if job.endswith(".py"):
        if not path.is_file():
            raise InvalidJob(f"there is no file {job}: check the path")
        module = load_module(path)
        return _job_in(module).compile(module, include)
    try:
        builtin_job = builtin.load(job)
    except UnknownJob as error:
        if path.is_file():
            raise InvalidJob(f"{job} is a file, but not one in Python: a job's file ends in .py") from error
        if Path(f"{job}.py").is_file():
            raise UnknownJob(f"{error}; or {job}.py, the file that is here") from error
        raise
    if include:
        raise InvalidJob(f"--include {include[0]}: the built-in job {job} has no code that could use it: leave it out")
    return CompiledJob(builtin_job.spec(), None, builtin_job.params, builtin=job)


def explained(file: str) -> str:
    """What the job of a Python file does, and its parameters. Raises InvalidJob: as `resolve`."""
    return _job_in(load_module(Path(file))).explained()


def load_module(path: Path) -> ModuleType:
    """Import a file under the name that workers will use, which is dotted if it lies in a package.

    Raises:
        InvalidJob: it can't be imported.
    """
    path = path.resolve()
    root, names = path.parent, [importable_name(path)]
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(".".join(names))
    except SystemExit as error:
        mend = 'put job.main() and whatever else it runs under `if __name__ == "__main__":`'
        raise InvalidJob(f"importing {path} ends the process: {mend}") from error
    except Exception as error:
        if not raised_in_user_code(error.__traceback__):  # an invalid part of a job: its line and the message suffice
            raise InvalidJob(message_with_line(error, root)) from error
        trace = user_traceback(error, root)
        raise InvalidJob(f"{path} can't be imported:\n{trace}{missing_module(error)}") from error
    if Path(str(module.__file__)).resolve() != path:
        raise InvalidJob(f"{path} has the same name as another module ({module.__file__}): rename it")
    return module


def _job_in(module: ModuleType) -> Job:
    if isinstance(getattr(module, "job", None), Job):
        job: Job = module.job
        return job
    jobs = {name: value for name, value in vars(module).items() if isinstance(value, Job)}
    if not jobs and _is_for_mrjob(module):
        verbs = f"run it with fanfold mrjob {Path(str(module.__file__)).name}, or fanfold submit --mrjob"
        raise InvalidJob(f"{module.__file__} defines no Job of Fanfold's, but a job of mrjob's: {verbs}")
    if not jobs:
        raise InvalidJob(f"{module.__file__} defines no Job; name it `job`")
    if len(jobs) > 1:
        raise InvalidJob(f"{module.__file__} defines several jobs ({', '.join(sorted(jobs))}); name one of them `job`")
    return jobs.popitem()[1]


def _is_for_mrjob(module: ModuleType) -> bool:
    """Whether a file defines a class of mrjob's."""
    mrjob = sys.modules.get("mrjob.job")
    return mrjob is not None and any(
        isinstance(value, type) and issubclass(value, mrjob.MRJob) and value is not mrjob.MRJob
        for value in vars(module).values()
    )
