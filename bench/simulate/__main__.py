"""`python -m bench.simulate [ROW…] [--scale F]`: simulate rows of the page, and write docs/scale.md.

Figures are kept in bench/simulate/figures.json, so that a row can be simulated without the others; `page` only writes
the page. `vast`, which takes longest, has to be named. With a `--scale`, jobs have so many times their tasks, and the
figures are only printed.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.simulate import page, planning
from bench.simulate.cluster import figures, simulate
from bench.simulate.scenarios import ROWS

FIGURES = Path(__file__).with_name("figures.json")


PLANNED = {"plans": planning.plans, "workflows": planning.workflows, "pods": planning.pods}
KNOWN = [*ROWS, *PLANNED]


def main() -> int:
    """Simulate, remember, write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulate")
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        default=[row for row in KNOWN if row != "vast"],
        help=", ".join([*KNOWN, "page"]),
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of tasks; the figures are only printed")
    options = parser.parse_args()
    if unknown := [row for row in options.rows if row not in (*KNOWN, "page")]:
        parser.error(f"there is no {', '.join(unknown)} to simulate: there are {', '.join(KNOWN)}")
    found: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for row in options.rows:
        if row != "page":
            found[row] = _simulated(row, options.scale)
    if options.scale != 1.0:
        print(json.dumps({row: found[row] for row in options.rows}, indent=2))
        return 0
    FIGURES.write_text(json.dumps(found, indent=2) + "\n")
    page.write(found)
    return 0


def _simulated(row: str, scale: float) -> dict[str, Any]:
    if row in PLANNED:
        return PLANNED[row]()
    found = {}
    for name, scenario in ROWS[row](scale).items():
        print(f"{row}: {name}", file=sys.stderr, flush=True)
        found[name] = figures(simulate(scenario))
    return found


if __name__ == "__main__":
    sys.exit(main())
