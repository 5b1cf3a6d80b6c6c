"""`program(...)`: a command line in the place of a mapper, combiner or reducer."""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fanfold_steps.programs.checks import check
from fanfold_steps.programs.command import InvalidCommand, words
from fanfold_steps.spec import JobSpec
from fanfold_steps.spec import Program as ProgramSpec


@dataclass(frozen=True, slots=True)
class Program:
    """A program of any language as a part of a job: what `program(...)` gives."""

    spec: ProgramSpec


def program(command: str, *, environment: Mapping[str, str] | None = None, key_fields: int = 1) -> Program:
    r"""A program that reads lines and writes `key TAB value` lines, by the contract of Hadoop Streaming.

    Args:
        command: its name and its arguments, quoted as in a shell, but run without one. Files beside the job's own that
            it names are shipped with the job, and lie in the folder that the program starts in.
        environment: variables it finds beside those of the worker and of the task.
        key_fields: how many fields, each before a tab, are the key by which a mapper's or combiner's lines are sorted.

    Raises:
        InvalidCommand: it is empty, a quote is left open, or it wants a shell.
    """
    spec = ProgramSpec(command, dict(environment or {}), key_fields)
    check(spec)
    return Program(spec)


def refuse_missing(spec: JobSpec, shipped: Collection[str], *, here: bool) -> None:
    """Look for the files of a job's programs, by the names that are `shipped`; `here` if workers run on this machine.

    Raises:
        InvalidCommand: one isn't there.
    """
    for program in _programs(spec):
        name = words(program.program)[0]
        path = program.environment.get("PATH", os.environ.get("PATH", os.defpath))
        if os.path.normpath(name) not in shipped and not _is_installed(name, path, here=here):
            where = "" if "/" in name else f", nor on PATH ({path})"
            mend = (
                f"ship it, as -file {name}, or beside the job's own file" if Path(name).is_file() else "check its name"
            )
            raise InvalidCommand(f"there is no program {name} among what is shipped with the job{where}: {mend}")


def _is_installed(name: str, path: str, *, here: bool) -> bool:
    """Whether workers find a program that isn't shipped, as far as can be known before they run."""
    if name.startswith("/"):
        return not here or Path(name).is_file()
    return "/" not in name and (not here or shutil.which(name, path=path) is not None)


def _programs(spec: JobSpec) -> Iterator[ProgramSpec]:
    parts = [part for stage in spec.stages for part in (stage.map, stage.combine, stage.reduce)]
    parts += [named.map for named in spec.inputs.values()]
    yield from (part for part in parts if isinstance(part, ProgramSpec))
