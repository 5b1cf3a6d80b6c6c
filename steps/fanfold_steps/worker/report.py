"""What a worker reports to its environment: on stderr, and in a pod in the files that Argo and the kubelet read."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from fanfold_steps.failure.wording import shortened
from fanfold_steps.tree.failed import Failure

TERMINATION_BYTES = 4096  # the kubelet keeps no more
MOST_WORDS = 200  # characters of a status line


class Reporter:
    """Writes progress, the reason for a failure, and a final report.

    Environment variables name the files: ARGO_PROGRESS_FILE (`done/total`), FANFOLD_TERMINATION_LOG (the reason),
    FANFOLD_REPORT (one JSON object at the end). Without them, only stderr is written.
    """

    def __init__(self, worker: str, environ: Mapping[str, str] = os.environ) -> None:
        self._worker = worker
        self._progress_file = environ.get("ARGO_PROGRESS_FILE")
        self._termination_log = environ.get("FANFOLD_TERMINATION_LOG")
        self.words = ""
        self._report_file = environ.get("FANFOLD_REPORT")

    def progress(self, done: int, total: int) -> None:
        """Write the progress of the current step for Argo: how many of all its tasks are committed."""
        if self._progress_file and total:
            Path(self._progress_file).write_text(f"{done}/{total}\n")

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
            Path(self._report_file).write_text(json.dumps({"worker": self._worker, "outcome": outcome}) + "\n")
