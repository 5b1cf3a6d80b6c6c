"""What a worker tells its surroundings: stderr, and in a pod the files that Argo and the kubelet read."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fanfold_steps.failure import shortened

TERMINATION_BYTES = 4096  # the kubelet keeps no more
MOST_WORDS = 200  # characters of a status line


class Reporter:
    """Writes progress, the reason of a failure and a closing report.

    The files are named by the environment: ARGO_PROGRESS_FILE (`done/total`), FANFOLD_TERMINATION_LOG (the reason),
    FANFOLD_REPORT (one JSON object at the end). Without them only stderr is written.
    """

    def __init__(self, worker: str, environ: Mapping[str, str] = os.environ) -> None:
        self._worker = worker
        self._progress_file = environ.get("ARGO_PROGRESS_FILE")
        self._termination_log = environ.get("FANFOLD_TERMINATION_LOG")
        self.words = ""
        self._report_file = environ.get("FANFOLD_REPORT")

    def progress(self, done: int, total: int) -> None:
        """Tell Argo how far the step is that is being worked on: tasks committed, of all."""
        if self._progress_file and total:
            Path(self._progress_file).write_text(f"{done}/{total}\n")

    def status(self, words: str) -> None:
        """What the user's code says it is doing: the worker's beat carries the last words."""
        self.words = shortened(words, MOST_WORDS)

    def failed(self, failure: Mapping[str, Any]) -> None:
        """Say why the job failed (the form of `failed.json`)."""
        text = describe(failure)
        print(f"fanfold: {self._worker}: {text}", file=sys.stderr, flush=True)
        if self._termination_log:
            encoded = text.encode("utf-8", "backslashreplace")[:TERMINATION_BYTES]
            Path(self._termination_log).write_bytes(encoded.decode("utf-8", "ignore").encode())
        self.ended("failed")

    def ended(self, outcome: str) -> None:
        """Leave the closing report."""
        if self._report_file:
            Path(self._report_file).write_text(json.dumps({"worker": self._worker, "outcome": outcome}) + "\n")


def describe(failure: Mapping[str, Any]) -> str:
    """A failure for people: what, at which record, the user's traceback."""
    task, record = failure.get("task"), failure.get("record")
    stage = f"stage {task['stage']}, " if task and (task["stage"] or failure.get("stages", 1) != 1) else ""
    where = f"{stage}{task['step']}/{task['index']}: " if task else ""
    lines = [f"{where}{failure['message']}"]
    if record:
        byte = "" if record.get("offset") is None else f", byte {record['offset']}"
        lines.append(f"at {record['source']}{byte}: {record['text']}")
    if failure.get("traceback"):
        lines.append(f"{failure['traceback']}")
    if failure.get("log"):
        lines.append(f"The task's last output:\n{failure['log']}")
    return "\n".join(lines)
