"""`python -m bench [local] [cluster]`: measure what is named (all, if nothing is) and write docs/performance.md.

Figures are kept in bench/results.json, each part with the machine it was measured on, so that one part can be measured
anew without the others. `cluster` brings the test cluster up for itself unless it runs inside one.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import page

RESULTS = Path(__file__).with_name("results.json")
CI_TIMES = Path(__file__).parents[1] / "build" / "ci-times.json"
PARTS = ("local", "cluster")


def main(wanted: list[str]) -> int:
    """Measure, remember, write the page."""
    unknown = set(wanted) - set(PARTS)
    if unknown:
        print(f"there is no {', '.join(sorted(unknown))} to measure: there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for part in wanted or PARTS:
        if part == "cluster" and os.environ.get("FANFOLD_CLUSTER") != "1":
            _in_cluster()
        else:
            _remember(part, _measure(part))
    if CI_TIMES.exists():
        _remember("ci", json.loads(CI_TIMES.read_text()))
    page.write(_results())
    return 0


def _measure(part: str) -> dict[str, Any]:
    if part == "local":
        from bench import local

        return local.measure()
    from bench import cluster

    return cluster.measure()


def _in_cluster() -> None:
    """The same command again, inside the test cluster."""
    subprocess.run(
        [sys.executable, "-m", "tests.cluster", "run", "--", sys.executable, "-m", "bench", "cluster"], check=True
    )


def _remember(part: str, found: dict[str, Any]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    results = {**_results(), part: {"day": time.strftime("%Y-%m-%d"), "machine": machine, **found}}
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


def _results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
