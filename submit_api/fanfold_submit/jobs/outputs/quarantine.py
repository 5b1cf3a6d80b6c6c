"""What a job has quarantined: bad records, each with what was wrong, and the same records as they were.

They lie in the output of a job that has succeeded. Of any other job, they are those of its committed tasks, in its
tree. User code can write to both, so nothing there is believed, and reading a page takes bounded time and memory.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from fanfold_steps.failure.permanent import LONGEST_TRACE, PermanentFailure
from fanfold_steps.formats.sources import KEPT_RECORDS
from fanfold_steps.job.spec import NAME
from fanfold_steps.outputs.quarantine import BAD_RECORDS, KEPT, LONGEST_RECORD
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.task import Task
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, Stat
from fanfold_submit.jobs.failures import printable
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.outputs.results import demand_own_output
from fanfold_submit.refusals import NoResults, NothingQuarantined, ResultsChanged
from fanfold_web.refusals import InvalidCursor

PAGE_BYTES = 2 << 20  # read for one page
LONGEST_LINE = 1 << 20  # bytes; one that Fanfold writes is far shorter
MOST_FILES = 20_000  # in a job's quarantine
_IN_TREE = re.compile(r"quarantine/stage-(\d{1,6})-(map|reduce)-runs-(\d{5,9})-[A-Za-z0-9-]{1,100}\.(jsonl|records)")
_CURSOR = re.compile(r"(\d{1,16})@([A-Za-z0-9_./-]{0,300})")
_LARGEST_NUMBER = 1 << 63


class BadRecord(BaseModel):
    """A bad record or, of a reducer, a key. Files are named by their paths below the input."""

    step: str = Field(examples=["map"])
    file: str | None = Field(default=None, examples=["a.txt"])
    offset: int | None = Field(default=None, description="Of its first byte; for some formats, its number")
    record: str | None = Field(default=None, description="For people: shortened, with control characters escaped")
    key: str | None = None
    problem: str = Field(examples=["the mapper raised ValueError: bad"])
    traceback: str | None = None
    again: str | None = Field(default=None, description="Why it can't be read again, if it can't")


class BadRecords(BaseModel):
    """Bad records, in the order of the input."""

    items: list[BadRecord]
    cursor: str | None = Field(description="Send it back to get the next page; null at the end")


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Files with what a job has quarantined, in order."""

    store: Objects
    files: Callable[[str, str], Iterator[Stat]]
    """Those with the suffix `.jsonl` or `.records` whose keys aren't before one."""

    def page(self, cursor: str, limit: int, redact: Callable[[str], str]) -> BadRecords:
        """Bad records from a cursor on. Raises InvalidCursor, ResultsChanged."""
        match = _CURSOR.fullmatch(cursor or "0@")
        if match is None:
            raise InvalidCursor
        offset, first = int(match[1]), match[2]
        items: list[BadRecord] = []
        budget = PAGE_BYTES
        for stat in self.files(".jsonl", first):
            at = offset if stat.key == first else 0
            while at < stat.size:
                if len(items) == limit or budget <= 0:
                    return BadRecords(items=items, cursor=f"{at}@{stat.key}")
                lines = self._lines(stat, at)
                for line in islice(lines, limit - len(items)):
                    items.append(_item(line, redact))
                    at, budget = at + len(line), budget - len(line)
        return BadRecords(items=items, cursor=None)

    def _lines(self, stat: Stat, at: int) -> list[bytes]:
        """Some whole lines of a file. Raises ResultsChanged: there is none that long."""
        data = b"".join(self.store.read(stat.key, at, min(stat.size, at + LONGEST_LINE)))
        *lines, _ = data.split(b"\n")
        if not lines:
            raise _changed()
        return [line + b"\n" for line in lines]


@dataclass(frozen=True, slots=True)
class KeptRecords:
    """The records as they were: a file that a job reads again, put together from several."""

    store: Objects
    files: list[Stat]
    head: bytes

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.head) + sum(stat.size for stat in self.files)

    @property
    def etag(self) -> str:
        """Depends on what lies in the store, and when it was written."""
        versions = json.dumps([(stat.key, stat.size, stat.modified) for stat in self.files])
        return f'"{hashlib.sha256(versions.encode()).hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to `stop`."""
        if start < len(self.head):
            yield self.head[start:stop]
        offset = len(self.head)
        for stat in self.files:
            first, last = max(start - offset, 0), min(stop - offset, stat.size)
            if first < last:
                yield from self.store.read(stat.key, first, last)
            offset += stat.size


def quarantine_of(job: Job) -> Quarantine:
    """Where the job's bad records lie. Raises NoResults, ResultsRemoved, ResultsChanged."""
    if job.state is not State.SUCCEEDED:
        return _in_tree(job)
    store = demand_own_output(job)
    return Quarantine(store, lambda suffix, first: _found(store, [BAD_RECORDS]) if suffix == ".jsonl" else iter(()))


def kept_records(job: Job, name: str | None) -> KeptRecords:
    """The job's bad records as they were, those of a named input. Raises NothingQuarantined, and as `quarantine_of`."""
    if job.state is State.SUCCEEDED:
        store, head = demand_own_output(job), b""
        is_input = name is None or re.fullmatch(NAME, name)
        files = list(_found(store, [KEPT if name is None else f"{KEPT}-{name}"])) if is_input else []
    elif isinstance(job.inputs, dict):
        what = "so its records can't be told apart by their inputs yet"
        raise NoResults(f"Job {job.id} is {job.state}, {what}. See what was wrong with them instead.")
    else:
        quarantine, head = _in_tree(job), KEPT_RECORDS
        store, files = quarantine.store, list(quarantine.files(".records", "")) if name is None else []
    if not files:
        where = "" if name is None else f" of the input {name[:80]!r}"
        raise NothingQuarantined(f"Job {job.id} has quarantined no records{where} that can be read again.")
    return KeptRecords(store, files, head)


def _found(store: Objects, keys: list[str]) -> Iterator[Stat]:
    for key in keys:
        with suppress(NotFound):
            yield store.stat(key)


def _in_tree(job: Job) -> Quarantine:
    tree = JobTree.open(job.url)
    return Quarantine(tree.objects, partial(_committed_files, tree))


def _committed_files(tree: JobTree, suffix: str, first: str) -> Iterator[Stat]:
    """The files that committed attempts have left in a tree."""
    for stat in islice(tree.objects.list("quarantine/"), MOST_FILES):
        match = _IN_TREE.fullmatch(stat.key)
        if match is None or not stat.key.endswith(suffix) or stat.key < first:
            continue
        with suppress(NotFound, PermanentFailure):  # not committed; or the job's code has changed it
            skipped = tree.commit_of(Task(int(match[1]), match[2], int(match[3]))).skipped
            if skipped and stat.key in (skipped.key, skipped.kept):
                yield stat


def _item(line: bytes, redact: Callable[[str], str]) -> BadRecord:
    try:
        found: Any = json.loads(line)
        item = BadRecord.model_validate({name: found.get(name) for name in BadRecord.model_fields}, strict=True)
    except (ValueError, RecursionError, AttributeError, ValidationError):
        raise _changed() from None
    if item.offset is not None and abs(item.offset) >= _LARGEST_NUMBER:
        raise _changed()
    texts = {name: value for name, value in item.model_dump().items() if isinstance(value, str)}
    most = {"record": LONGEST_RECORD + 10, "key": LONGEST_RECORD + 10, "traceback": LONGEST_TRACE + 10}
    told = {name: printable(redact(text), most.get(name, LONGEST_TRACE)) for name, text in texts.items()}
    return item.model_copy(update=told)


def _changed() -> ResultsChanged:
    return ResultsChanged("What the job has quarantined was changed afterwards: it isn't what Fanfold writes there.")
