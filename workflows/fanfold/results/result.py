"""`Result`: what a job wrote. `Job.run` and `Client.submit` return one, whichever engine ran the job."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from fanfold.results.reading import OutputFormats, StoredPart, records_of
from fanfold.results.table import html_table
from fanfold.terminal.console import quantity
from fanfold_steps.tree.report import Report, ReportedPart

if TYPE_CHECKING:
    import polars as pl

ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that a job with `on_error=Skip()` put in quarantine, or a key of its reducer.

    `file` is the path below the input, and `offset` the byte (in Parquet the row) at which the record begins; both are
    None for what comes from an earlier stage. `record` or `key` is its text, `traceback` that of the user's own code.
    """

    step: str
    problem: str
    file: str | None = None
    offset: int | None = None
    record: str | None = None
    key: str | None = None
    traceback: str | None = None


class Finished(Protocol):
    """A job that has succeeded, or will: where its results are."""

    @property
    def output(self) -> str:
        """The place of its output, for people."""

    def report(self) -> Report:
        """What the job wrote. May wait for its end. Raises JobFailed."""

    def formats(self) -> OutputFormats:
        """The formats of what it wrote."""

    def stored(self, name: str | None, part: ReportedPart) -> StoredPart:
        """A part of the output, or of a named one, made readable."""

    def bad_records(self) -> Iterator[bytes]:
        """What lies in quarantine: lines of JSON, in chunks. Called only if there are any."""


class Result:
    """What a job wrote. It can be read as often as you like, as long as its output is there.

    In a notebook it shows as a table of its first records.
    """

    def __init__(self, name: str, finished: Finished) -> None:
        self.name = name
        self._finished = finished

    @property
    def output(self) -> str:
        """The place of the output: a folder of this machine, `s3://…`, or `files:…` in a service."""
        return self._finished.output

    @property
    def counters(self) -> Mapping[str, Mapping[str, int]]:
        """All counters, as `{group: {name: number}}`; the group `fanfold` holds those that every job has."""
        return self._finished.report().counters

    @property
    def parts(self) -> list[ReportedPart]:
        """The files of the output in order, each with its name, records, bytes and SHA-256."""
        return list(self._finished.report().parts)

    @property
    def skipped(self) -> int:
        """How many bad records and keys were put in quarantine."""
        return self._finished.report().skipped or 0

    def records(self, name: str | None = None) -> Iterator[Any]:
        """The records of the output in order, as its format reads them back.

        Text gives lines (`"the\\t3"`: text doesn't tell a pair from a line with a tab), JSONL the values of JSON, in
        which a pair is a list, CSV and TSV dicts (or lists, if the columns have no names) of strings, and Parquet dicts
        of typed values. Choose JSONL or Parquet if the values should come back as they were.

        Args:
            name: a named output of the job, instead of its own.

        Raises:
            Refused: the job has no such output, or its files have been changed.
        """
        yield from records_of(self._parts(name), self._finished.formats().of(name))

    def frame(self, name: str | None = None) -> "pl.DataFrame":
        """All records as a Polars frame (`.to_pandas()` makes one of pandas), with the values that `records` gives.

        Lines of text are the column `line`. The whole output has to fit into memory.

        Args:
            name: a named output of the job, instead of its own.

        Raises:
            Refused: as `records`; or the records have no columns, or a frame can't hold one of their values.
        """
        from fanfold.results.frames import frame_of

        return frame_of(self._parts(name), self._finished.formats().of(name))

    def quarantine(self) -> Iterator[Quarantined]:
        """The bad records that the job skipped, in the input's order, each with its position and what was wrong."""
        rest = b""
        for chunk in self._finished.bad_records() if self.skipped else ():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(_quarantined, lines)

    def _parts(self, name: str | None) -> list[StoredPart]:
        report = self._finished.report()
        self._finished.formats().of(name)  # which checks the name
        reported = report.parts if name is None else report.outputs[name].parts
        return [self._finished.stored(name, part) for part in reported]

    def __repr__(self) -> str:
        report = self._finished.report()
        return f"<Result of {self.name}: {_sizes(report)}, in {self.output}>"

    def _repr_html_(self) -> str | None:
        """The first records as a table, for notebooks; None if there is nothing to show yet."""
        report = self._finished.report()
        about = [f"{self.name}: {_sizes(report)}, in {self.output}"]
        about += [f"{name}: {_sizes(output)}" for name, output in report.outputs.items()]
        if self.skipped:
            about.append(f"{quantity(self.skipped, 'bad record')} in quarantine: see .quarantine()")
        first = self._first_records()
        return html_table(first, report.records - len(first), about)

    def _first_records(self) -> list[Any]:
        """The records that are shown in a notebook."""
        return list(islice(self.records(), ROWS_SHOWN))


def _sizes(report: Any) -> str:
    return f"{quantity(report.records, 'record')} in {quantity(len(report.parts), 'part')}"


def _quarantined(line: bytes) -> Quarantined:
    entry = json.loads(line)
    return Quarantined(**{name: entry[name] for name in Quarantined.__slots__ if name in entry})
