"""Quarantine: the bad records that a job with `on_error=Skip()` puts aside, in input order, each with what was wrong.

Lines of JSON. They hold nothing that depends on where the input was cut or stored, so all attempts at all splits make
the same file of the output.
"""

import json
import re
import weakref
from collections.abc import Iterable, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any

from fanfold_steps.batches import Batch
from fanfold_steps.crash_points import around
from fanfold_steps.failure import PermanentFailure, shortened
from fanfold_steps.policy import Policy, Skip
from fanfold_storage.objects import Objects

BAD_RECORDS = "_quarantine/part-00000.jsonl"
"""Where the bad records lie in the output."""
LONGEST_RECORD = 10_000  # characters
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 20
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")


class Quarantine:
    """What one attempt puts aside."""

    def __init__(self) -> None:
        self._spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        weakref.finalize(self, self._spool.close)  # it goes with the attempt
        self._batch: list[tuple[int, dict[str, Any]]] = []
        self._first: dict[str, Any] | None = None
        self.count = self.keys = 0

    def add_record(self, place: tuple[str, int] | None, record: object, failure: PermanentFailure) -> None:
        """Put a record of the batch aside that is being mapped; `place` is its file and offset."""
        self._note(place, record if isinstance(record, str) else repr(record), failure)

    def end_batch(self, batch: Batch) -> None:
        """Put what is no record of the format aside, too: the batch is done with."""
        for bad in batch.bad:
            self._note(batch.place_of_bad(bad), bad.text, batch.failure(bad))
        for _, entry in sorted(self._batch, key=lambda pair: pair[0]):
            self._write(entry)
        self._batch = []

    def add_key(self, key: str, failure: PermanentFailure) -> None:
        """Put a key of a reducer aside."""
        self._write({"step": "reduce", "key": shortened(key, LONGEST_RECORD), **_problem(failure)})

    def store(self, objects: Objects, run: str) -> dict[str, Any]:
        """Keep what was put aside beside the run of an attempt; what the attempt's commit says of it."""
        if not self.count:
            return {"keys": self.keys}
        key = f"quarantine/{run.replace('/', '-').removesuffix('.run')}.jsonl"
        self._spool.seek(0)
        with around("quarantine.store"):
            objects.put(key, iter(lambda: self._spool.read(_CHUNK), b""))
        return {"keys": self.keys, "skipped": {"count": self.count, "key": key, "first": self._first}}

    def _note(self, place: tuple[str, int] | None, record: str, failure: PermanentFailure) -> None:
        file, offset = place or (None, 0)
        entry = {"step": "map", "file": file, "offset": offset if place else None}
        self._batch.append((offset, {**entry, "record": shortened(record, LONGEST_RECORD), **_problem(failure)}))

    def _write(self, entry: dict[str, Any]) -> None:
        self._first = self._first or entry
        self.count += 1
        self._spool.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def demand_few(policy: Policy, commits: Iterable[Mapping[str, Any]], what: str) -> None:
    """See that no more records of a step were skipped than the policy lets pass; `what` are records or keys.

    Raises:
        PermanentFailure: more were.
    """
    if not isinstance(policy, Skip):
        return
    total = skipped = 0
    first: dict[str, Any] | None = None
    for commit in commits:
        total += commit.get(what, 0)
        if found := commit.get("skipped"):
            skipped += found["count"]
            first = first or found["first"]
    if first and skipped > policy.at_most * total:
        message = (
            f"{skipped:,} of {total:,} {what} were bad, and no more than {100 * policy.at_most:g}% may be skipped "
            f"(Skip(at_most={policy.at_most:g})). The first, {_place(first)}: {first['problem']}"
        )
        raise PermanentFailure("quarantine", message, trace=first["traceback"] or "")


def write_into(output: Objects, tree: Objects, commits: Iterable[Mapping[str, Any]]) -> int:
    """Bring what committed attempts put aside into the output, in their order; how many that were."""
    skipped = [commit["skipped"] for commit in commits if commit.get("skipped")]
    if skipped:
        with around("finish.quarantine"):
            output.put(BAD_RECORDS, (chunk for found in skipped for chunk in tree.read(found["key"])))
    return sum(found["count"] for found in skipped)


def _problem(failure: PermanentFailure) -> dict[str, Any]:
    """What was wrong; where an object lay in memory is another address each time."""
    return {"problem": _ADDRESS.sub("0x…", failure.message), "traceback": _ADDRESS.sub("0x…", failure.trace) or None}


def _place(entry: Mapping[str, Any]) -> str:
    if entry["step"] == "reduce":
        return f"the key {shortened(entry['key'], 80)}"
    record = shortened(repr(entry["record"]), 80)
    return f"in {entry['file']} at byte {entry['offset']}, {record}" if entry["file"] else record
