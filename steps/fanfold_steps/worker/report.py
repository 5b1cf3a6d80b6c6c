"""What a worker reports to its environment: on stderr, and in a pod in the files that Argo and the kubelet read."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from fanfold_steps.failure.wording import shortened
from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.failed import Failure

TERMINATION_BYTES = 4096  # the kubelet keeps no more
MOST_WORDS = 200  # characters of a status line


@dataclass
class Done:
    """What a worker did: the tasks that it committed, added up."""

    tasks: int = 0
    records: int = 0
    """How many records map tasks read, and others wrote."""
    bytes: int = 0
    """Bytes that they wrote."""
    spills: int = 0
    """How often they wrote to the worker's own disk what didn't fit into memory."""
    spilled: int = 0
    """How many bytes that were."""
    retries: int = 0
    """How many attempts at them had been begun before, by this worker or others, as far as known."""
    seconds: float = 0.0

    def add(self, commit: Commit) -> None:
        """Add a task.

        >>> done = Done()
        >>> done.add(Commit("a", records=7, bytes=90, seconds=0.5, attempts=2))
        >>> done.tasks, done.records, done.retries
        (1, 7, 1)
        """
        self.tasks += 1
        self.records += commit.records
        self.bytes += commit.bytes
        self.spills += commit.spills
        self.spilled += commit.spilled
        self.retries += commit.attempts - 1
        self.seconds = round(self.seconds + commit.seconds, 3)


class Reporter:
    """Writes progress, the reason for a failure, and a final report.

    Environment variables name the files: ARGO_PROGRESS_FILE (`done/total`), FANFOLD_TERMINATION_LOG (the reason),
    FANFOLD_REPORT (one JSON object at the end, with what this worker did: Argo shows it at the pod's node). Without
    them, only stderr is written.
    """

    def __init__(self, worker: str, environ: Mapping[str, str] = os.environ) -> None:
        self._worker = worker
        self._progress_file = environ.get("ARGO_PROGRESS_FILE")
        self._termination_log = environ.get("FANFOLD_TERMINATION_LOG")
        self.words = ""
        self._report_file = environ.get("FANFOLD_REPORT")
        self._done = Done()

    def progress(self, done: int, total: int) -> None:
        """Write how far the worker has got, for Argo: how many tasks of its own portion are committed."""
        if self._progress_file and total:
            Path(self._progress_file).write_text(f"{done}/{total}\n")

    def committed(self, commit: Commit) -> None:
        """Count a task that this worker has committed."""
        self._done.add(commit)

    def status(self, words: str) -> None:
        """Keep what the user's code says it is doing, for the next heartbeat."""
        self.words = shortened(words, MOST_WORDS)

    def failed(self, failure: Failure) -> None:
        """Say why the job failed."""
        text = failure.describe()
        print(f"fanfold: {self._worker}: {text}", file=sys.stderr, flush=True)
        if self._termination_log:
            encoded = text.encode("utf-8", "backslashreplace")[:TERMINATION_BYTES]
            Path(self._termination_log).write_bytes(encoded.decode("utf-8", "ignore").encode())
        self.ended("failed")

    def ended(self, outcome: str) -> None:
        """Write the final report."""
        if self._report_file:
            report = {"worker": self._worker, "outcome": outcome, **asdict(self._done)}
            Path(self._report_file).write_text(json.dumps(report) + "\n")
