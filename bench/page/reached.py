"""Each target beside what was measured, and what limits the figures that miss theirs."""

import sys
from collections.abc import Iterator

from bench.page.targets import TARGETS, Target
from bench.page.words import Results, number


def reached(results: Results) -> Iterator[str]:
    """The table, and below it what limits those that are missed."""
    measured = list(_measured(results))
    if not measured:
        return
    yield "## Targets\n"
    yield "| work | target | measured | |"
    yield "|---|---|---|---|"
    work = ""
    for target, figure in measured:
        told = "" if target.work == work else target.work
        work = target.work
        mark = "reached" if target.reached(figure) else "**missed**"
        yield f"| {told} | {target.reach} | {number(figure)}{target.unit} | {mark} |"
    yield ""
    if peers := results.get("peers"):
        yield "Compared with " + ", ".join(f"{name} {version}" for name, version in sorted(peers.items())) + ".\n"
    yield from _bounds(measured)


def _bounds(measured: list[tuple[Target, float]]) -> Iterator[str]:
    missed = [target for target, figure in measured if not target.reached(figure)]
    for target in missed:
        if not target.bound:
            print(
                f"missed, say in bench/page/targets.py what bounds it: {target.work}: {target.reach}", file=sys.stderr
            )
    by_bound: dict[str, list[Target]] = {}
    for target in missed:
        by_bound.setdefault(target.bound, []).append(target)
    by_bound.pop("", None)
    if by_bound:
        yield "What limits those that are missed:\n"
        for bound, bounded in by_bound.items():
            yield f"- **{'; '.join(f'{target.work}, {target.reach}' for target in bounded)}**: {bound}"
        yield ""


def _measured(results: Results) -> Iterator[tuple[Target, float]]:
    for target in TARGETS:
        if found := results.get(target.row):
            try:
                yield target, target.figure(found)
            except KeyError:  # a way that this machine can't run
                continue
