"""Jobs that come with Fanfold, by name: `fanfold run wordcount`. A file each, its job called `job`."""

import importlib
from pathlib import Path

from fanfold_steps.spec import JobSpec


class UnknownJob(LookupError):
    """There is no built-in job of that name; the text lists those there are."""


def names() -> list[str]:
    """The built-in jobs, in order.

    >>> names()
    ['wordcount']
    """
    return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def find(name: str) -> JobSpec:
    """A built-in job's spec; its functions are part of Fanfold, so it needs no bundle. Raises UnknownJob."""
    if name not in names():
        raise UnknownJob(f"there is no built-in job {name!r}: there are {', '.join(names())}")
    spec: JobSpec = importlib.import_module(f"fanfold.builtin.{name}").job.spec()
    return spec
