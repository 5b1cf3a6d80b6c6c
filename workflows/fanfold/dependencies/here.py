"""A job's packages on this machine, so that its file can be imported here as on the workers."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

from fanfold.dependencies.requirements import Requirements
from fanfold.dependencies.targets import Target, this_machine
from fanfold.dependencies.wheels import wheelhouse
from fanfold.errors import Refused
from fanfold.planning.compiled import CompiledJob
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.user_code.package_cache import remove_unused
from fanfold_steps.user_code.packages import cache_folder, installed


def environment_here(requirements: Requirements) -> Path | None:
    """The folder with the packages for this Python; None if it takes none. Raises Refused, IndexAway."""
    if sys.platform == "win32":
        raise Refused(
            f"{requirements.file} names packages, which Fanfold installs on Linux and macOS alone: on Windows, submit "
            "the job inside WSL2"
        )
    found, environments = wheelhouse(requirements, this_machine()), cache_folder("environments")
    if environments is None or not found.dependencies.wheels:
        return None
    remove_unused(environments)
    try:
        return installed(found.dependencies, f"{found.folder.as_uri()}/", environments)
    except PermanentFailure as error:
        raise Refused(str(error)) from error


def use_here(requirements: Requirements | None) -> None:
    """Let this process import the packages, before those that are installed. Raises Refused, IndexAway."""
    if requirements and (folder := environment_here(requirements)):
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()


def with_packages(compiled: CompiledJob, requirements: Requirements | None, target: Target) -> CompiledJob:
    """The job with the wheels that it brings to workers of a target. Raises Refused, IndexAway."""
    found = wheelhouse(requirements, target) if requirements else None
    if found is None or not found.dependencies.wheels:
        return compiled
    return replace(compiled, spec=replace(compiled.spec, dependencies=found.dependencies), wheels=found.folder)
