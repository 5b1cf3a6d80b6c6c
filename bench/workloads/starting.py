"""What it costs to begin: an empty job, `fanfold --help`, and importing what a worker needs."""

import sys
from pathlib import Path
from typing import Any

from bench.harness.ways import Way, in_turn, scratch

RUNS = 10
WORKER = "fanfold_steps.worker.loop"  # all that a worker imports; a test holds it against a worker's own start


def starting(scale: float) -> dict[str, Any]:
    """Each from process start to exit; Python alone beside them."""
    fanfold = str(Path(sys.executable).with_name("fanfold"))
    with scratch() as folder:
        (folder / "empty.txt").touch()
        job = [fanfold, "run", "wordcount", "--input", str(folder / "empty.txt"), "--quiet", "--output"]
        ways = {
            "empty job": Way(lambda target: [*job, str(target)], RUNS),
            "help": Way(lambda _: [fanfold, "--help"], RUNS),
            "worker": Way(lambda _: [sys.executable, "-c", f"import {WORKER}"], RUNS),
            "python": Way(lambda _: [sys.executable, "-c", "pass"], RUNS),
        }
        return {"ways": in_turn(ways)}
