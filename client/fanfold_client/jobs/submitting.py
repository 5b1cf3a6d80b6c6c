"""Submit a job whose code and inputs lie on this machine: both are uploaded first."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fanfold.authoring.job import Job as AuthoredJob
from fanfold.dependencies.here import use_here, with_packages
from fanfold.dependencies.requirements import Requirements, requirements_of
from fanfold.dependencies.targets import target
from fanfold.foreground.pipes import spooled
from fanfold.foreground.places import inputs_of
from fanfold.planning.compiled import CompiledJob
from fanfold.resolve import resolve
from fanfold.terminal.console import say
from fanfold.terminal.display import Display
from fanfold_client.api.collections import SubmitService
from fanfold_client.api.responses import Job
from fanfold_client.files.places import input_place


def resolve_for(
    service: SubmitService, job: AuthoredJob | str, include: Sequence[str], requirements: str | os.PathLike[str] | None
) -> CompiledJob:
    """The job, with wheels for the workers of the service.

    Args:
        service: the submit service.
        job: a job, or its name: a built-in one, or a Python file.
        include: as the values of `--include`.
        requirements: a file that lists the job's packages; by default those that its own file names.

    Raises:
        InvalidJob, UnknownJob, Refused: as `resolve`; a package can't be resolved.
    """
    asked = requirements_of(job if isinstance(job, str) else job.file, requirements)
    use_here(asked)
    return packed_for(service, resolve(job, include) if isinstance(job, str) else job.compile(None, include), asked)


def packed_for(service: SubmitService, compiled: CompiledJob, asked: Requirements | None) -> CompiledJob:
    """The job with the wheels that it brings to the workers of the service. Raises Refused."""
    if asked is None:
        return compiled
    about = service.about()
    return with_packages(compiled, asked, target(about["steps_python"], about["steps_platform"]))


def prepare(
    service: SubmitService, compiled: CompiledJob, request: dict[str, Any], places: Sequence[str], display: Display
) -> dict[str, Any]:
    """Upload what a job needs, and return the body of the request that submits it.

    Args:
        service: the submit service.
        compiled: the job, with its parameters.
        request: the fields of the request's body that aren't the job, its parameters or its inputs.
        places: its inputs, as the values of `--input`.
        display: shows the uploads.

    Raises:
        Refused, InvalidInputs, InvalidCommand, ClientError: the job can't run as asked.
    """
    compiled.check_programs(local=False)
    if compiled.demand:
        say(compiled.demand)
    body = {**request, "job": upload_code(service, compiled)}
    if compiled.params:
        body["params"] = compiled.params
    with spooled(places, local=True) as files:
        body["inputs"] = inputs_of(compiled.spec, files, lambda place: input_place(service.files, place, display))
    return body


def say_notes(job: Job) -> None:
    """Print on stderr what a job asks for that has no effect in the service."""
    for note in job.get("notes", []):
        say(note)


def upload_code(service: SubmitService, compiled: CompiledJob) -> dict[str, Any]:
    """The request's `job`: the name of a built-in job, or a spec whose code and packages have been uploaded."""
    if compiled.builtin:
        return {"builtin": compiled.builtin}
    if compiled.bundle:
        service.bundles.ensure(compiled.bundle.sha256, compiled.bundle.data)
    if compiled.wheels and compiled.spec.dependencies:
        for wheel in compiled.spec.dependencies.wheels:
            service.bundles.ensure(wheel.sha256, compiled.wheels / wheel.sha256)
    return {"spec": asdict(compiled.spec)}
