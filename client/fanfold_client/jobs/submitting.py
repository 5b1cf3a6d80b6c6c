"""Submit a job whose code and inputs lie on this machine: both are uploaded first."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fanfold.foreground.pipes import spooled
from fanfold.foreground.places import inputs_of
from fanfold.planning.compiled import CompiledJob
from fanfold.terminal.console import say
from fanfold.terminal.display import Display
from fanfold_client.api.resources import Resources
from fanfold_client.api.responses import Job
from fanfold_client.files.places import input_place


def submit_job(
    resources: Resources,
    compiled: CompiledJob,
    request: dict[str, Any],
    places: Sequence[str],
    key: str | None,
    display: Display,
) -> Job:
    """Upload what a job needs, and submit it.

    Args:
        resources: those of the submit service.
        compiled: the job, with its parameters.
        request: the fields of the request's body that aren't the job, its parameters or its inputs.
        places: its inputs, as the values of `--input`.
        key: the idempotency key; by default a random one.
        display: shows the uploads.

    Raises:
        Refused, InvalidInputs, InvalidCommand, ClientError: the job can't run as asked.
    """
    compiled.check_programs(local=False)
    if compiled.demand:
        say(compiled.demand)
    body = {**request, "job": upload_code(resources, compiled)}
    if compiled.params:
        body["params"] = compiled.params
    with spooled(places, local=True) as files:
        body["inputs"] = inputs_of(compiled.spec, files, lambda place: input_place(resources.files, place, display))
    return resources.jobs.submit(body, key)


def say_notes(job: Job) -> None:
    """Print on stderr what a job asks for that has no effect in the service."""
    for note in job.get("notes", []):
        say(note)


def upload_code(resources: Resources, compiled: CompiledJob) -> dict[str, Any]:
    """The request's `job`: the name of a built-in job, or a spec whose code has been uploaded."""
    if compiled.builtin:
        return {"builtin": compiled.builtin}
    if compiled.bundle:
        resources.bundles.ensure(compiled.bundle.sha256, compiled.bundle.data)
    return {"spec": asdict(compiled.spec)}
