"""`report.json`: the job is done and its output complete. Without counters it is the output's manifest, `_SUCCESS`."""

from dataclasses import dataclass, field
from typing import Any

from fanfold_steps.tree.commit import Counters, Part
from fanfold_steps.tree.typed import read_as

REPORT_KEY = "report.json"


@dataclass(frozen=True, slots=True)
class ReportedPart:
    """A part of an output."""

    name: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OutputReport:
    """A named output."""

    parts: tuple[ReportedPart, ...]
    records: int
    bytes: int

    @classmethod
    def of(cls, parts: list[Part]) -> "OutputReport":
        """The report of an output that consists of these parts."""
        reported = [ReportedPart(part.name, part.records, part.bytes, part.sha256) for part in parts]
        return cls(tuple(reported), sum(part.records for part in parts), sum(part.bytes for part in parts))


@dataclass(frozen=True, slots=True)
class Report:
    """A finished job."""

    job: str
    """The job's id."""
    parts: tuple[ReportedPart, ...]
    records: int
    bytes: int
    outputs: dict[str, OutputReport] = field(default_factory=dict)
    """The named outputs."""
    skipped: int | None = None
    """How many bad records and keys were quarantined; None if the first one would have failed the job."""
    counters: Counters = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """The content of `_SUCCESS`."""
        manifest: dict[str, Any] = {"job": self.job, **_output_json(self)}
        if self.outputs:
            manifest["outputs"] = {name: _output_json(output) for name, output in self.outputs.items()}
        if self.skipped is not None:
            manifest["skipped"] = self.skipped
        return manifest

    def to_json(self) -> dict[str, Any]:
        """The content of `report.json`."""
        return {**self.manifest(), "counters": self.counters}

    @classmethod
    def from_json(cls, data: object, url: str) -> "Report":
        """The report in the file at `url`. Raises Malformed."""
        return read_as(cls, data, url)


def _output_json(output: Report | OutputReport) -> dict[str, Any]:
    parts = [
        {"name": part.name, "records": part.records, "bytes": part.bytes, "sha256": part.sha256}
        for part in output.parts
    ]
    return {"parts": parts, "records": output.records, "bytes": output.bytes}
