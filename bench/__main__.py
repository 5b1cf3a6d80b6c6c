"""`python -m bench [ROW…] [--scale F]`: measure rows of the table and write docs/performance.md.

A row may be named, or a group of them: `standard` (taken if nothing is named), `slow`, `services`, `cluster`, `page`
(nothing is measured, only the page written). Figures are kept in bench/results.json, each row with the day and the
machine it was measured on, so that one can be measured anew without the others. With a `--scale` the inputs are so much
larger or smaller, and the figures are only printed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import page
from bench.harness import commands
from bench.harness.load import Unexpected
from bench.harness.processes import CommandFailed
from bench.harness.ways import Disagreement
from bench.workloads import (
    cluster,
    grouping,
    growth,
    indexing,
    joining,
    lists,
    logins,
    many_keys,
    services,
    sorting,
    starting,
    stopping,
    tasks,
    watching,
    words,
)

RESULTS = Path(__file__).with_name("results.json")
CI_TIMES = Path(__file__).parents[1] / "build" / "ci-times.json"
GROUPS: dict[str, dict[str, Callable[[float], dict[str, Any]]]] = {
    "standard": {
        "words": words.by_record,
        "words-columns": words.by_column,
        "sort": sorting.with_memory,
        "sort-memory": sorting.in_budget,
        "index": indexing.index,
        "join": joining.by_columns,
        "json": grouping.of_json,
        "parquet": grouping.of_parquet,
        "starting": starting.starting,
        "tasks": tasks.tiny,
        "stopping": stopping.stopping,
    },
    "slow": {
        "many-keys": many_keys.many_keys,
        "join-records": joining.by_records,
        "many-lines": grouping.in_budget,
        "words-growth": growth.words,
        "sort-growth": growth.sort,
    },
    "cluster": {"small-jobs": cluster.small_jobs, "many-pods": cluster.many_pods},
    "services": {
        "services": services.measure,
        "logins": logins.measure,
        "lists": lists.measure,
        "watching": watching.measure,
    },
    "page": {},
}
ROWS = {name: row for rows in GROUPS.values() for name, row in rows.items()}


def main() -> int:
    """Measure, remember, write the page."""
    options = _options()
    names = [name for wanted in options.rows for name in GROUPS.get(wanted, [wanted])]
    if os.environ.get("FANFOLD_CLUSTER") != "1" and (inside := [name for name in names if name in GROUPS["cluster"]]):
        names = [name for name in names if name not in inside]
        _in_cluster(inside)
    failed = [name for name in names if not _measure(name, options.scale)]
    if CI_TIMES.exists():
        _remember("ci", json.loads(CI_TIMES.read_text()))
    page.write(_results())
    return 1 if failed else 0


def _measure(name: str, scale: float) -> bool:
    """Measure a row and remember it; one that fails is told, and leaves the others to be measured."""
    print(f"{name}:", file=sys.stderr)
    try:
        found = ROWS[name](scale)
    except (CommandFailed, Disagreement, Unexpected) as error:
        print(f"{name} failed: {error}", file=sys.stderr)
        return False
    if scale == 1:
        _remember(name, found)
    else:
        print(json.dumps({name: found}, indent=2))
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[1] if __doc__ else "")
    known = [*GROUPS, *(name for name in ROWS if name not in GROUPS)]
    parser.add_argument("rows", nargs="*", metavar="ROW", default=["standard"], help=", ".join(known))
    parser.add_argument("--scale", type=float, default=1.0, help="of the inputs; the figures are only printed")
    options = parser.parse_args()
    if unknown := [name for name in options.rows if name not in known]:
        parser.error(f"there is no {', '.join(unknown)} to measure: there are {', '.join(known)}")
    return options


def _in_cluster(names: list[str]) -> None:
    """Measure rows by the same command, inside the test cluster."""
    subprocess.run(
        [sys.executable, "-m", "tests.cluster", "run", "--", sys.executable, "-m", "bench", *names], check=True
    )


def _remember(name: str, found: dict[str, Any]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    results = {**_results(), name: {"day": time.strftime("%Y-%m-%d"), "machine": machine, **found}}
    if name in GROUPS["standard"]:
        results["peers"] = commands.versions()
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


def _results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


if __name__ == "__main__":
    sys.exit(main())
