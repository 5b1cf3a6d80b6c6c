"""Built-in jobs, such as `fanfold run wordcount`: one module each, whose job is named `job`."""

import functools
import importlib
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from fanfold.errors import UnknownJob
from fanfold.planning.params import described
from fanfold_steps.job.spec import JobSpec

if TYPE_CHECKING:
    from fanfold.authoring.job import Job


def names() -> list[str]:
    """The names of the built-in jobs, sorted.

    >>> names()
    ['distinct', 'grep', 'index', 'join', 'sort', 'topk', 'wordcount']
    """
    return sorted(module.name for module in iter_modules(__path__))


def summary(name: str) -> str:
    """What a built-in job does: the first line of its module, read without importing it.

    >>> summary("wordcount")
    'Count words: whatever white space separates, without changing case.'
    """
    module = Path(__file__).parent / name
    source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    with source.open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')


def explained(name: str) -> str:
    """What a built-in job does, and its parameters. Raises UnknownJob."""
    job = load(name)
    lines = [str(importlib.import_module(f"fanfold.builtin.{name}").__doc__).strip()]
    return "\n".join([*lines, *described(job.params)])


@functools.cache
def load(name: str) -> "Job":
    """A built-in job. Raises UnknownJob."""
    if name not in names():
        raise UnknownJob(f"there is no built-in job {name!r}: choose one of {', '.join(names())}")
    job: Job = importlib.import_module(f"fanfold.builtin.{name}").job
    return job


@functools.cache
def find(name: str) -> JobSpec:
    """A built-in job's spec. It needs no bundle, because its functions are part of Fanfold. Raises UnknownJob.

    Compiled once: that looks through the source of the job's module.
    """
    return load(name).spec()
