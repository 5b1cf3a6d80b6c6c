"""The output of a job that has succeeded: its parts, and their bytes as one sequence."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from pydantic import BaseModel, Field

from fanfold_steps.inputs.listing import LARGEST_MANIFEST
from fanfold_steps.outputs.finish import MANIFEST
from fanfold_steps.tree.report import Report, ReportedPart
from fanfold_steps.tree.typed import Malformed
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, Stat
from fanfold_storage.urls import open_objects
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.refusals import NoResults, NoSuchOutput, ResultsChanged, ResultsRemoved


class Part(BaseModel):
    """One file of the output."""

    name: str = Field(examples=["part-00000.txt"])
    records: int = Field(json_schema_extra={"minimum": 0})
    bytes: int = Field(json_schema_extra={"minimum": 0})
    sha256: str = Field(json_schema_extra={"pattern": "^[0-9a-f]{64}$"})


BYTES = "application/octet-stream"
MEDIA_TYPES: Mapping[str, str] = {
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".jsonl": "application/x-ndjson",
}
"""What parts with these suffixes hold; compressed or of any other format, they are bytes."""


@dataclass(frozen=True, slots=True)
class Output:
    """The parts of one output, in order, below a folder of the store; `where` is what its owner calls it."""

    store: Objects
    parts: list[Part]
    where: str
    folder: str = ""

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def etag(self) -> str:
        """Depends on the bytes alone."""
        return f'"{hashlib.sha256("".join(part.sha256 for part in self.parts).encode()).hexdigest()[:32]}"'

    @property
    def media_type(self) -> str:
        """What the parts hold, one after the other."""
        suffixes = {PurePosixPath(part.name).suffix for part in self.parts} or {".txt"}
        return MEDIA_TYPES.get(suffixes.pop(), BYTES) if len(suffixes) == 1 else BYTES

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to `stop`, across parts.

        Raises ResultsChanged where a part has other bytes by now; of a part that is read whole, before its last ones.
        """
        offset = 0
        for part in self.parts:
            first, last = max(start - offset, 0), min(stop - offset, part.bytes)
            if first < last:
                yield from self._read_part(part, first, last)
            offset += part.bytes

    def _read_part(self, part: Part, first: int, last: int) -> Iterator[bytes]:
        with closing(self.store.open(self.folder + part.name)) as file:
            if file.stat.size != part.bytes:
                raise _changed(part, self.where)
            digest, held = hashlib.sha256(), b""
            for chunk in file.read(first, last):
                if held:
                    yield held
                digest.update(chunk)
                held = chunk
        if (first, last) == (0, part.bytes) and digest.hexdigest() != part.sha256:
            raise _changed(part, self.where)
        yield held

    def demand_unchanged(self, found: Mapping[str, Stat], settled: float) -> None:
        """Compare the parts with what lies in the store by now; what was written later than `settled` is read.

        Raises:
            ResultsRemoved, ResultsChanged: a part is missing, or has other bytes.
        """
        for part in self.parts:
            stat = found.get(self.folder + part.name)
            if stat is None:
                raise ResultsRemoved(f"{part.name} of the output {self.where} was removed. Submit the job again.")
            is_later = stat.modified > settled
            if stat.size != part.bytes or (is_later and _sha256(self.store, stat) != part.sha256):
                raise _changed(part, self.where)


def _changed(part: Part, where: str) -> ResultsChanged:
    detail = f"{part.name} of the output {where} was changed after the job had ended. Submit the job again."
    return ResultsChanged(detail)


_checksums: dict[tuple[str, Stat], str] = {}
_MOST_CHECKSUMS = 1000


def _sha256(store: Objects, stat: Stat) -> str:
    """The checksum of an object as it is now; remembered, as its output may be asked for often."""
    known = _checksums.get((store.url, stat))
    if known is None:
        digest = hashlib.sha256()
        for chunk in store.read(stat.key, 0, stat.size):
            digest.update(chunk)
        if len(_checksums) >= _MOST_CHECKSUMS:
            _checksums.clear()
        known = _checksums[store.url, stat] = digest.hexdigest()
    return known


@dataclass(frozen=True, slots=True)
class JobResults:
    """All outputs of a job: its own, and the named ones."""

    job_id: str
    main: Output
    named: dict[str, Output]

    def output(self, name: str | None) -> Output:
        """The output of that name; None is the job's own. Raises NoSuchOutput."""
        if name is None:
            return self.main
        if name not in self.named:
            hint = f"its named outputs are {', '.join(self.named)}" if self.named else "leave `output` out"
            raise NoSuchOutput(f"Job {self.job_id} has no output {name[:80]!r}; {hint}.")
        return self.named[name]


def results_of(job: Job) -> JobResults:
    """What a job has left. Raises NoResults, ResultsRemoved."""
    if job.state is not State.SUCCEEDED:
        if job.state.final:
            raise NoResults(f"Job {job.id} {_ENDED[job.state]}, so it has no results.")
        raise NoResults(f"Job {job.id} is {job.state}, so it has no results yet. Wait until it has succeeded.")
    where, store = _where(job), _store(job)
    report, settled = _manifest(store, job, where)
    main = Output(store, _parts(report.parts), where)
    named = {name: Output(store, _parts(one.parts), where, f"{name}/") for name, one in report.outputs.items()}
    found = {stat.key: stat for stat in store.list()}
    for output in (main, *named.values()):
        output.demand_unchanged(found, settled)
    return JobResults(job.id, main, named)


def demand_own_output(job: Job) -> Objects:
    """The store of a job's output, if that is still the job's. Raises NoResults, ResultsRemoved, ResultsChanged."""
    store = _store(job)
    _manifest(store, job, _where(job))
    return store


def _where(job: Job) -> str:
    return job.output or "kept with the job"


def _store(job: Job) -> Objects:
    if not job.conf["output"]:
        what = f"Job {job.id} has written to {_where(job)}, where this service reads nothing"
        raise NoResults(f"{what}. Fetch it from there.")
    return open_objects(job.conf["output"])


_ENDED = {State.FAILED: "failed", State.CANCELLED: "was cancelled"}


def _parts(reported: Iterable[ReportedPart]) -> list[Part]:
    return [Part(**asdict(part)) for part in reported]


def _manifest(store: Objects, job: Job, where: str) -> tuple[Report, float]:
    """The content of `_SUCCESS`, if it is still this job's, and when it was written."""
    changed = f"The output of job {job.id} ({where}) was changed after the job had ended"
    try:
        with closing(store.open(MANIFEST)) as file:
            if file.stat.size > LARGEST_MANIFEST:
                raise ResultsChanged(f"{changed}: its {MANIFEST} is too large. Submit the job again.")
            data = json.loads(b"".join(file.read(0, file.stat.size)))
        report = Report.from_json(data, MANIFEST)
    except NotFound:
        raise ResultsRemoved(f"The output of job {job.id} ({where}) was removed. Submit the job again.") from None
    except (ValueError, RecursionError, Malformed):
        raise ResultsChanged(f"{changed}: its {MANIFEST} can't be read. Submit the job again.") from None
    if report.job != job.id:
        detail = f"The output of job {job.id} ({where}) was replaced by another job's. Submit the job again."
        raise ResultsRemoved(detail)
    if not all(_NAME.fullmatch(name) for name in _names(report)):
        raise ResultsChanged(f"{changed}: its {MANIFEST} names files that no job writes. Submit the job again.")
    return report, file.stat.modified


def _names(report: Report) -> Iterator[str]:
    yield from report.outputs
    for parts in (report.parts, *(output.parts for output in report.outputs.values())):
        yield from (part.name for part in parts)


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
