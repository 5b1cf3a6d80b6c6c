"""A job's output: its parts, their bytes, a look at the first records."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import open_objects
from fanfold_submit.access import Caller, Viewer
from fanfold_submit.catalogue import JobId, find
from fanfold_submit.jobs import Job, State
from fanfold_submit.kinds import NO_RESULTS, NO_SUCH_JOB, NO_SUCH_OUTPUT, RANGE_NOT_SATISFIABLE, RESULTS_REMOVED
from fanfold_submit.problems import Problem, refusals
from fanfold_submit.ranges import Content, serve
from fanfold_submit.service import Service, Wired
from fanfold_web.kinds import INVALID

router = APIRouter(tags=["results"])
_NONE = (NO_SUCH_JOB, NO_RESULTS, RESULTS_REMOVED, INVALID)
PREVIEW_BYTES = 1 << 20  # a preview reads no more

OutputName = Annotated[str | None, Query(alias="output", description="One of the job's named outputs")]


class Part(BaseModel):
    """One file of the output."""

    name: str = Field(examples=["part-00000.txt"])
    records: int
    bytes: int
    sha256: str


class Results(BaseModel):
    """A whole output."""

    parts: list[Part] = Field(description="In order")
    outputs: dict[str, list[Part]] = Field(default={}, description="The parts of each named output")


class Preview(BaseModel):
    """The first records of an output."""

    records: list[str] = Field(examples=[["the\t6487", "of\t3340"]])
    more: bool = Field(description="Whether there are more")


@dataclass(frozen=True, slots=True)
class Output:
    """The parts of a finished job, as one sequence of bytes."""

    store: Objects
    parts: list[Part]
    folder: str = ""

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def etag(self) -> str:
        """Follows from the bytes alone."""
        return f'"{hashlib.sha256("".join(part.sha256 for part in self.parts).encode()).hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to `stop`, across parts."""
        begin = 0
        for part in self.parts:
            first, last = max(start - begin, 0), min(stop - begin, part.bytes)
            if first < last:
                yield from self.store.read(self.folder + part.name, first, last)
            begin += part.bytes


@router.get("/v1/jobs/{job_id}/results", responses=refusals(*_NONE))
def list_results(job_id: JobId, caller: Viewer, service: Wired) -> Results:
    """The output's parts. There are none before the job has succeeded: an output appears whole."""
    _, manifest = _finished(service, caller, job_id)
    named = {name: output["parts"] for name, output in manifest.get("outputs", {}).items()}
    return Results.model_validate({"parts": manifest["parts"], "outputs": named})


@router.get(
    "/v1/jobs/{job_id}/results/data",
    response_class=Response,
    responses=refusals(*_NONE, NO_SUCH_OUTPUT, RANGE_NOT_SATISFIABLE),
)
def read_results(
    job_id: JobId, request: Request, caller: Viewer, service: Wired, output: OutputName = None
) -> Response:
    """All parts in order, as one stream; `Range` asks for some of it."""
    found = _output(service, caller, job_id, output)
    return serve(request, Content(found.size, found.etag, "text/plain; charset=utf-8", found.read))


@router.get("/v1/jobs/{job_id}/results/preview", responses=refusals(*_NONE, NO_SUCH_OUTPUT))
def preview_results(
    job_id: JobId,
    caller: Viewer,
    service: Wired,
    records: Annotated[int, Query(ge=1, le=1000)] = 20,
    output: OutputName = None,
) -> Preview:
    """The first records."""
    found = _output(service, caller, job_id, output)
    data = b""
    for chunk in found.read(0, min(found.size, PREVIEW_BYTES)):
        data += chunk
        if data.count(b"\n") >= records:
            break
    *lines, rest = data.split(b"\n")
    if rest and not lines:
        lines = [rest]  # one record that is longer than a preview
    shown = [line.decode("utf-8", "replace") for line in lines[:records]]
    return Preview(records=shown, more=sum(part.records for part in found.parts) > len(shown))


def _output(service: Service, caller: Caller, job_id: str, name: str | None = None) -> Output:
    """The output of a job that has succeeded. Raises Problem (404, 409)."""
    store, manifest = _finished(service, caller, job_id)
    if name is None:
        return Output(store, [Part.model_validate(part) for part in manifest["parts"]])
    named = manifest.get("outputs", {})
    if name not in named:
        known = f"its named outputs are {', '.join(named)}" if named else "leave `output` out"
        raise Problem(NO_SUCH_OUTPUT, f"Job {job_id} has no output {name[:80]!r}; {known}.")
    return Output(store, [Part.model_validate(part) for part in named[name]["parts"]], f"{name}/")


def _finished(service: Service, caller: Caller, job_id: str) -> tuple[Objects, dict[str, Any]]:
    """Where a job that has succeeded wrote, and its manifest. Raises Problem (404, 409)."""
    job = find(service, caller, job_id).job
    if job.state is not State.SUCCEEDED:
        why = "has no results" if job.state.final else "has no results yet"
        raise Problem(NO_RESULTS, f"Job {job_id} is {job.state} and {why}: only a job that succeeded has them.")
    store = open_objects(job.conf["output"])
    return store, _manifest(store, job)


def _manifest(store: Objects, job: Job) -> dict[str, Any]:
    """What `_SUCCESS` says, if it is still this job's."""
    where = job.output or "kept with the job"
    try:
        manifest: dict[str, Any] = json.loads(read_all(store, "_SUCCESS"))
    except NotFound:
        raise Problem(
            RESULTS_REMOVED, f"The output of job {job.id} ({where}) was removed: submit the job anew."
        ) from None
    if manifest["job"] != job.id:
        detail = f"The output of job {job.id} ({where}) was replaced by another job's: submit the job anew."
        raise Problem(RESULTS_REMOVED, detail)
    return manifest
