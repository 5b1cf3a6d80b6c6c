"""The output of a job in the service, fetched part by part when it is read."""

import hashlib
import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fanfold.errors import JobFailed
from fanfold.results.reading import OutputFormats, StoredPart, format_by_name
from fanfold.terminal.display import Display
from fanfold_client.api.collections import SubmitService
from fanfold_client.api.problems import Conflict, Corrupt
from fanfold_client.api.responses import FINAL, Job
from fanfold_client.files.results import safe_name
from fanfold_client.jobs.ending import failure_of, skipped_in
from fanfold_client.jobs.following import follow
from fanfold_steps.job.formats import OutputFormat, Text
from fanfold_steps.tree.report import OutputReport, Report, ReportedPart
from fanfold_storage.urls import open_objects


class RemoteOutput:
    """The output of a job in the service."""

    def __init__(self, service: SubmitService, job: Job, formats: OutputFormats | None, *, quiet: bool) -> None:
        """The output of a job, in these formats; None: those that follow from the names of its parts."""
        self.job = job
        self._service = service
        self._formats = formats
        self._quiet = quiet
        self._report: Report | None = None
        self._folder: Path | None = None

    @property
    def output(self) -> str:
        """The place; `the service` if the output is kept with the job."""
        return self.job["output"] or "the service"

    def now(self) -> Job:
        """The job as it is now."""
        if self.job["state"] not in FINAL:
            self.job = self._service.jobs.get(self.job["id"])
        return self.job

    def cancel(self) -> None:
        """Cancel it."""
        self.job = self._service.jobs.cancel(self.job["id"])

    def report(self) -> Report:
        """What the job wrote, once it has ended. Raises JobFailed, Conflict."""
        if self._report is None:
            self._wait()
            results = self._service.jobs.results(self.job["id"])
            main = _reported(results["parts"])
            named = {name: _reported(parts) for name, parts in results.get("outputs", {}).items()}
            counters, skipped = self.job["counters"], skipped_in(self.job)
            self._report = Report(
                self.job["id"], main.parts, main.records, main.bytes, named, skipped=skipped, counters=counters
            )
        return self._report

    def formats(self) -> OutputFormats:
        """Those of the job, or those that the names of its parts tell."""
        if self._formats is None:
            report = self.report()
            named = {name: _format_of(output) for name, output in report.outputs.items()}
            self._formats = OutputFormats(_format_of(report), named)
        return self._formats

    def stored(self, name: str | None, part: ReportedPart) -> StoredPart:
        """A part in the temporary folder, where it is fetched to the first time."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="fanfold-result-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        folder = self._folder / ("main" if name is None else f"named-{safe_name(name)}")
        if not (folder / safe_name(part.name)).exists():
            self._fetch(name, part, folder)
        return StoredPart(part, open_objects(folder.as_uri() + "/"), part.name)

    def bad_records(self) -> Iterator[bytes]:
        """What lies in quarantine."""
        return (f"{json.dumps(bad)}\n".encode() for bad in self._service.quarantine.list(self.job["id"]))

    def _wait(self) -> None:
        job_id = self.job["id"]
        if self.job["state"] not in FINAL:
            try:
                with Display(quiet=self._quiet) as display:
                    self.job = follow(self._service.jobs, job_id, display)
            except KeyboardInterrupt:
                message = f"the job keeps running: wait() for result {job_id} again, or cancel() it"
                raise KeyboardInterrupt(message) from None
        if failure := failure_of(self.job):
            raise JobFailed(failure)
        if self.job["state"] != "succeeded":
            raise Conflict(f"job {job_id} was {self.job['state']}, so it has no results")

    def _fetch(self, name: str | None, part: ReportedPart, folder: Path) -> None:
        """Fetch a part. Raises Corrupt: its bytes aren't those that the job wrote."""
        report = self.report()
        parts = report.parts if name is None else report.outputs[name].parts
        start = sum(one.bytes for one in parts[: parts.index(part)])
        folder.mkdir(exist_ok=True)
        digest, partial = hashlib.sha256(), folder / f".{part.name}"
        with partial.open("wb") as file:
            for chunk in self._service.jobs.read(self.job["id"], name, start, start + part.bytes):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != part.sha256:
            raise Corrupt(f"{part.name} differs from what the job wrote (wrong checksum): read the results again")
        partial.replace(folder / part.name)


def _format_of(output: OutputReport | Report) -> OutputFormat:
    return format_by_name(output.parts[0].name) if output.parts else Text()


def _reported(parts: Any) -> OutputReport:
    reported = tuple(ReportedPart(part["name"], part["records"], part["bytes"], part["sha256"]) for part in parts)
    return OutputReport(reported, sum(part.records for part in reported), sum(part.bytes for part in reported))
