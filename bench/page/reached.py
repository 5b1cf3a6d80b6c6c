"""Each figure to reach beside the measured one, and what bounds those that are missed."""

import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from bench.page.words import Results, number
from bench.targets import TARGETS, Target


def reached(results: Results) -> Iterator[str]:
    """The table, and under it the bounds."""
    measured = list(_measured(results))
    if not measured:
        return
    yield "## Figures to reach\n"
    yield "| work | reach | measured | |"
    yield "|---|---|---|---|"
    work = ""
    for target, figure in measured:
        told = "" if target.work == work else target.work
        work = target.work
        mark = "reached" if target.reached(figure) else "**missed**"
        yield f"| {told} | {target.reach} | {number(figure)}{target.unit} | {mark} |"
    yield ""
    if peers := results.get("peers"):
        yield "Beside " + ", ".join(f"{name} {version}" for name, version in sorted(peers.items())) + ".\n"
    yield from _bounds(measured)


def _bounds(measured: list[tuple[Target, float]]) -> Iterator[str]:
    missed = [target for target, figure in measured if not target.reached(figure)]
    for target in missed:
        if not target.bound:
            print(f"missed, say in bench/targets.py what bounds it: {target.work}: {target.reach}", file=sys.stderr)
    if told := [target for target in missed if target.bound]:
        yield "What bounds those that are missed:\n"
        for bound, bounded in groupby(told, key=attrgetter("bound")):
            yield f"- **{'; '.join(f'{target.work}, {target.reach}' for target in bounded)}**: {bound}"
        yield ""


def _measured(results: Results) -> Iterator[tuple[Target, float]]:
    for target in TARGETS:
        if found := results.get(target.row):
            try:
                yield target, target.figure(found)
            except KeyError:  # a way that this machine can't run
                continue
