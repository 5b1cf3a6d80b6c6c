"""Jobs that come with Fanfold, by name: `fanfold run wordcount`. A file each, its job called `job`."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from fanfold_steps.spec import JobSpec

if TYPE_CHECKING:
    from fanfold.job import Job


class UnknownJob(LookupError):
    """There is no built-in job of that name; the text lists those there are."""


def names() -> list[str]:
    """The built-in jobs, in order.

    >>> names()
    ['distinct', 'grep', 'index', 'join', 'sort', 'topk', 'wordcount']
    """
    return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def summary(name: str) -> str:
    """What a built-in job does, in a line: its module's first, read without importing it.

    >>> summary("wordcount")
    'Count words: what white space separates, as it is written.'
    """
    with (Path(__file__).parent / f"{name}.py").open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')


def explained(name: str) -> str:
    """What a built-in job does and which parameters it takes. Raises UnknownJob."""
    job = load(name)
    lines = [str(importlib.import_module(f"fanfold.builtin.{name}").__doc__).strip()]
    fields = job.params.model_fields if job.params else {}
    for parameter, field in fields.items():
        default = "needed" if field.is_required() else f"{field.default} unless given"
        lines.append(f"  --param {parameter}=…  {field.description} ({default})")
    return "\n".join(lines)


def load(name: str) -> "Job":
    """A built-in job. Raises UnknownJob."""
    if name not in names():
        raise UnknownJob(f"there is no built-in job {name!r}: there are {', '.join(names())}")
    job: Job = importlib.import_module(f"fanfold.builtin.{name}").job
    return job


def find(name: str) -> JobSpec:
    """A built-in job's spec; its functions are part of Fanfold, so it needs no bundle. Raises UnknownJob."""
    return load(name).spec()
