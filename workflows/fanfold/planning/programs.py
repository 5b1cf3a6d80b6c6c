"""Check that the programs of a job will be found where its workers run."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from fanfold_steps.job.spec import JobSpec, Program
from fanfold_steps.programs.command import InvalidCommand, words


def require_programs(spec: JobSpec, shipped: Collection[str], *, local: bool) -> None:
    """Check that every program of a job is shipped with it or installed.

    Args:
        spec: the job.
        shipped: the paths of the files that travel with the job.
        local: whether workers run on this machine; a pod's image can't be looked into.

    Raises:
        InvalidCommand: a program is missing.
    """
    parts = [part for stage in spec.stages for part in (stage.map, stage.combine, stage.reduce)]
    parts += [named.map for named in spec.inputs.values()]
    for program in (part for part in parts if isinstance(part, Program)):
        name = words(program.program)[0]
        path = program.environment.get("PATH", os.environ.get("PATH", os.defpath))
        if os.path.normpath(name) not in shipped and not _is_installed(name, path, local=local):
            where = "" if "/" in name else f" or on PATH ({path})"
            ship = f"ship it with -file {name}, or keep it next to the job's own file"
            mend = ship if Path(name).is_file() else "check its name"
            raise InvalidCommand(f"program {name} was not found among the files shipped with the job{where}: {mend}")


def _is_installed(name: str, path: str, *, local: bool) -> bool:
    """Whether workers will find a program that isn't shipped, as far as this can be known."""
    if name.startswith("/"):
        return not local or Path(name).is_file()
    return "/" not in name and (not local or shutil.which(name, path=path) is not None)
