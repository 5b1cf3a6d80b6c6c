"""One of two workers stopped (SIGSTOP) in the middle of a job: its tasks are done by the other."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import fanfold
from bench.harness.processes import PROC, descendants
from bench.harness.ways import Way, in_turn

SIZE, TASKS = 200_000_000, 40
STOP_AFTER = 10  # maps committed


class NothingToStop(Exception):
    """The job ended before a worker could be stopped: the input is too small."""


def stopping(scale: float) -> dict[str, Any]:
    """One stopped, one alone, two left alone: bytes and counters must be the same."""
    source = inputs.warm(inputs.text(round(SIZE * scale)))
    split = ["--split-size", str(-(-round(SIZE * scale) // TASKS)), "--keep"]
    two = fanfold("examples/wordcount.py", source, *split)
    ways = {
        "one of 2 stopped": Way(two, 2, meanwhile=_stop_one),
        "1 worker": Way(fanfold("examples/wordcount.py", source, *split, "--workers", "1"), 2),
        "2 workers": Way(two, 2),
    }
    return {"bytes": round(SIZE * scale), "tasks": TASKS, "ways": in_turn(ways, _bytes_and_counters)}


def _bytes_and_counters(target: Path) -> str:
    report = json.loads((target / "_job" / "report.json").read_text())
    return f"{answers.ordered(target)} {report['counters']}"


def _stop_one(pid: int, *, target: Path) -> None:
    commits = target / "_job" / "stage-0" / "map" / "commits"
    while sum(1 for _ in commits.glob("*.json")) < STOP_AFTER:
        if not (PROC / str(pid) / "stat").exists() or (target / "_SUCCESS").exists():
            raise NothingToStop("the job was done too soon for a worker to be stopped: take a larger --scale")
        time.sleep(0.01)
    workers = [child for child in descendants(pid) if b"fanfold_steps" in (PROC / str(child) / "cmdline").read_bytes()]
    os.kill(max(workers), signal.SIGSTOP)
