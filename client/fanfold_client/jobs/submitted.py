"""`Client.submit`: submit a job from Python, and read its results over HTTP as `Job.run` reads them from disk."""

import os
from collections.abc import Mapping
from typing import Any

from fanfold.authoring.job import Job as AuthoredJob
from fanfold.errors import InvalidJob
from fanfold.foreground.options import PARAM_OPTION, option_values
from fanfold.foreground.places import Input, input_values
from fanfold.results.reading import OutputFormats
from fanfold.results.result import Result
from fanfold.terminal.display import Display
from fanfold_client.api.collections import SubmitService
from fanfold_client.api.problems import Refused
from fanfold_client.jobs.options import JOB_OPTIONS, SubmitOptions, request_fields
from fanfold_client.jobs.remote_output import RemoteOutput
from fanfold_client.jobs.submitting import prepare, resolve_for, say_notes
from fanfold_steps.inputs.splits import InvalidInputs
from fanfold_steps.programs.command import InvalidCommand

PREVIEW_BYTES = 1 << 20  # the largest part that is fetched only to show its first records


class SubmittedResult(Result):
    """What a job in the service has written, or will: reading it waits for the job's end, and fetches what it reads.

    Parts are kept in a temporary folder as long as something refers to the result, each verified by its checksum.
    """

    def __init__(self, remote: RemoteOutput) -> None:
        super().__init__(remote.job["name"], remote)
        self._remote = remote

    @property
    def id(self) -> str:
        """The job's id."""
        return self._remote.job["id"]

    @property
    def state(self) -> str:
        """The job's state now: `queued`, `dispatched`, `running`, `succeeded`, `failed` or `cancelled`."""
        return self._remote.now()["state"]

    def wait(self) -> "SubmittedResult":
        """Show the job's progress until it has ended, and return this result. Ctrl-C stops waiting, not the job.

        Raises:
            JobFailed: the job failed; `.traceback` is that of your own code.
            Conflict: it was cancelled.
        """
        self._remote.report()
        return self

    def cancel(self) -> None:
        """Cancel the job: its workers stop within moments, and none of its output becomes visible."""
        self._remote.cancel()

    def __repr__(self) -> str:
        """The state that was seen last: nothing is asked for."""
        if self._remote.job["state"] == "succeeded":
            return f"<{super().__repr__().strip('<>')}, job {self.id}>"
        return f"<Result of {self.name}: {self._remote.job['state']}, job {self.id}>"

    def _repr_html_(self) -> str | None:
        """The first records as a table once the job has succeeded; nothing waits for that."""
        return super()._repr_html_() if self.state == "succeeded" else None

    def _first_records(self) -> list[Any]:
        first = next((part for part in self.parts if part.records), None)
        return super()._first_records() if first and first.bytes <= PREVIEW_BYTES else []


def submit(
    service: SubmitService,
    job: AuthoredJob | str,
    input: Input,
    output: str | None,
    given: Mapping[str, Any],
    *,
    quiet: bool,
) -> SubmittedResult:
    """Submit a job; what `Client.submit` documents.

    Raises:
        InvalidJob, Refused, ClientError, TypeError: it can't be.
    """
    options = SubmitOptions.__annotations__
    if unknown := [name for name in given if name not in options]:
        raise TypeError(f"submit() takes no argument {unknown[0]!r}; its options are {', '.join(options)}")
    values = option_values([option for option in JOB_OPTIONS if option is not PARAM_OPTION], given)
    request = request_fields(values | {"name": given.get("name")}, output)
    try:
        named = job if isinstance(job, AuthoredJob) else os.fspath(job)
        resolved = resolve_for(service, named, values["include"], values["requirements"])
        compiled = resolved.with_values(given.get("params") or {})
        places = input_values(compiled.spec, input)
        with Display(quiet=quiet) as display:
            body = prepare(service, compiled, request, places, display)
            admitted = service.jobs.submit(body, given.get("key"))
        say_notes(admitted)
    except InvalidInputs as error:
        raise Refused(str(error)) from error
    except InvalidCommand as error:
        raise InvalidJob(str(error)) from error
    formats = OutputFormats(compiled.spec.output, compiled.spec.outputs)
    return SubmittedResult(RemoteOutput(service, admitted, formats, quiet=quiet))
