"""Quarantine: the bad records that a job with `on_error=Skip()` puts aside, in input order, each with what was wrong.

Lines of JSON, and a second file of the records as they were, which a job can read again. They hold nothing that depends
on where the input was cut or stored, so all attempts at all splits make the same files of the output.
"""

import json
import re
import weakref
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import Any, Literal

from fanfold_steps.crash_points import around
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shortened
from fanfold_steps.formats.kept import KeptRecord, line_of
from fanfold_steps.formats.sources import KEPT_RECORDS
from fanfold_steps.inputs.batches import Batch
from fanfold_steps.job.policy import Policy, Skip
from fanfold_steps.tree.commit import Commit, FirstBad, Skipped
from fanfold_storage.objects import Objects

FOLDER = "_quarantine/"
BAD_RECORDS = f"{FOLDER}part-00000.jsonl"
"""Where the bad records lie in the output, with what was wrong."""
KEPT = f"{FOLDER}records"
"""Where they lie as they were; those of a named input in a file of their own, `_quarantine/records-NAME`."""
_NO_AGAIN = "it comes from an earlier stage, not from a file, so it can't be read again by itself"
LONGEST_RECORD = 10_000  # characters
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 20
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")


class Quarantine:
    """What one attempt puts aside."""

    def __init__(self) -> None:
        self._spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._kept = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        for spool in (self._spool, self._kept):
            weakref.finalize(self, spool.close)  # they go with the attempt
        self._batch: list[tuple[int, dict[str, Any], KeptRecord | None]] = []
        self._first: dict[str, Any] | None = None
        self.count = self.keys = 0

    def add_record(
        self, place: tuple[str, int] | None, record: object, failure: PermanentFailure, alone: bytes | None = None
    ) -> None:
        """Put a record of the batch aside that is being mapped.

        Args:
            place: its file and offset, if it comes from a file.
            record: what the mapper was given.
            failure: why it is bad.
            alone: a file of the input's format that holds nothing but the record.
        """
        self._note(place, record if isinstance(record, str) else repr(record), failure, alone)

    def end_batch(self, batch: Batch) -> None:
        """Quarantine the batch's bad records, and write what was noted of the batch, which is now complete."""
        for bad in batch.bad:
            self._note(batch.place_of_bad(bad), bad.text, batch.failure(bad), bad.alone)
        for _, entry, kept in sorted(self._batch, key=itemgetter(0)):
            self._write(entry)
            if kept:
                self._kept.writelines(line_of(kept))
        self._batch = []

    def add_key(self, key: str, failure: PermanentFailure) -> None:
        """Quarantine a key of a reducer."""
        self._write({"step": "reduce", "key": shortened(key, LONGEST_RECORD), **_problem(failure)})

    def store(self, objects: Objects, run: str) -> Skipped | None:
        """Keep the bad records under a key that follows from an attempt's run; None if there are none."""
        if not self._first:
            return None
        key = f"quarantine/{run.replace('/', '-').removesuffix('.run')}"
        has_kept = self._kept.tell() > 0
        with around("quarantine.store"):
            for suffix, spool in ((".jsonl", self._spool), (".records", self._kept)):
                spool.seek(0)
                if suffix == ".jsonl" or has_kept:
                    objects.put(f"{key}{suffix}", iter(partial(spool.read, _CHUNK), b""))
        first = FirstBad(_place(self._first), self._first["problem"], self._first["traceback"] or "")
        return Skipped(self.count, f"{key}.jsonl", first, f"{key}.records" if has_kept else None)

    def _note(self, place: tuple[str, int] | None, record: str, failure: PermanentFailure, alone: bytes | None) -> None:
        file, offset = place or (None, 0)
        shown = file and file.encode("utf-8", "surrogateescape").decode(
            "utf-8", "backslashreplace"
        )  # a name needn't be UTF-8
        entry = {"step": "map", "file": shown, "offset": offset if place else None}
        entry |= {"record": shortened(record, LONGEST_RECORD), **_problem(failure)}
        kept = KeptRecord(file, offset, alone) if file is not None and alone is not None else None
        self._batch.append((offset, entry if kept else {**entry, "again": _NO_AGAIN}, kept))

    def _write(self, entry: dict[str, Any]) -> None:
        """Keep an entry. A file's name that isn't UTF-8 holds surrogates, which JSON escapes as Python does."""
        self._first = self._first or entry
        self.count += 1
        self._spool.write(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def demand_few(policy: Policy, commits: Iterable[Commit], what: Literal["records", "keys"]) -> None:
    """Check that no more records (of a map step) or keys (of a reduce step) were skipped than `Skip` allows.

    Raises:
        PermanentFailure: more were skipped.
    """
    if not isinstance(policy, Skip):
        return
    total = skipped = 0
    first: FirstBad | None = None
    for commit in commits:
        total += commit.records if what == "records" else commit.keys
        if commit.skipped:
            skipped += commit.skipped.count
            first = first or commit.skipped.first
    if first and skipped > policy.at_most * total:
        message = (
            f"{skipped:,} of {total:,} {what} were bad, and no more than {100 * policy.at_most:g}% may be skipped "
            f"(Skip(at_most={policy.at_most:g})). The first, {first.where}: {first.problem}"
        )
        raise PermanentFailure("quarantine", message, trace=first.traceback)


def files_of(commits: Iterable[tuple[str, Commit]]) -> dict[str, list[str]]:
    """The files of the output that bad records make, with the keys of the tree of which each is made, in order.

    Args:
        commits: those of all tasks, each with the name of the input that the task reads, or ''.
    """
    found: dict[str, list[str]] = {}
    for name, commit in commits:
        if skipped := commit.skipped:
            found.setdefault(BAD_RECORDS, []).append(skipped.key)
            if skipped.kept:
                found.setdefault(f"{KEPT}-{name}" if name else KEPT, []).append(skipped.kept)
    return found


def write_into(output: Objects, tree: Objects, files: Mapping[str, list[str]]) -> None:
    """Write what committed attempts quarantined into the output, as `files_of` has it."""
    for name, keys in files.items():
        first = [] if name == BAD_RECORDS else [KEPT_RECORDS]
        with around("finish.quarantine"):
            output.put(name, chain(first, (chunk for key in keys for chunk in tree.read(key))))


def _problem(failure: PermanentFailure) -> dict[str, Any]:
    """What was wrong; where an object lay in memory is another address each time."""
    return {"problem": _ADDRESS.sub("0x…", failure.message), "traceback": _ADDRESS.sub("0x…", failure.trace) or None}


def _place(entry: Mapping[str, Any]) -> str:
    if entry["step"] == "reduce":
        return f"the key {shortened(entry['key'], 80)}"
    record = shortened(repr(entry["record"]), 80)
    return f"in {entry['file']} at byte {entry['offset']}, {record}" if entry["file"] else record
