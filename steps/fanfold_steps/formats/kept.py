"""Records that a job put aside, as they were, to be read again: each is a file of its format that holds it alone.

A file of them has the first line `KEPT_RECORDS`, and then a line of JSON for each record: the input file that it comes
from, the offset there, and its bytes in base64.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from fanfold_steps.failure.permanent import PermanentFailure, Position
from fanfold_steps.formats.ranges import whole_records
from fanfold_steps.formats.sources import KEPT_RECORDS, Source
from fanfold_storage.objects import Objects, Stat


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record: the file that it comes from, by its path below the input, the offset there, and that file with nothing
    but this record."""

    path: str
    offset: int
    data: bytes


def line_of(record: KeptRecord) -> Iterator[bytes]:
    """A record's line, in chunks."""
    place = json.dumps({"file": record.path, "offset": record.offset})
    yield place[:-1].encode() + b', "bytes": "'
    yield b64encode(record.data)
    yield b'"}\n'


def kept_records(source: Source) -> Iterator[tuple[KeptRecord, Source]]:
    """The records of a file of them, each with itself as a source. Raises PermanentFailure: it is broken."""
    lines = replace(source, codec=None, longest=None)
    for offset, block in whole_records(lines, len(KEPT_RECORDS), None):
        at = offset
        for line in block.splitlines(keepends=True):
            try:
                entry = json.loads(line)
                record = KeptRecord(entry["file"], entry["offset"], b64decode(entry["bytes"], validate=True))
            except (ValueError, TypeError, KeyError) as error:
                what = f"this isn't a record that was put aside ({type(error).__name__}: {error})"
                raise PermanentFailure(
                    "input", f"{what}: was the file edited?", position=Position(source.url, at, "")
                ) from error
            yield record, _source_of(record, source)
            at += len(line)


def _source_of(record: KeptRecord, source: Source) -> Source:
    return Source(cast(Objects, _OneFile(source.objects.url, record.data)), record.path, None)


@dataclass(frozen=True, slots=True)
class _OneFile:
    """As much of a store as reading one file needs."""

    url: str
    data: bytes

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        yield self.data[start:stop]

    def stat(self, key: str) -> Stat:
        return Stat(key, len(self.data), 0.0)
