"""Whole processes timed from outside, two commands in turn so that a drifting machine hits both."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each run, in order."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def as_json(self) -> dict[str, Any]:
        """Rounded, as the results keep them."""
        return {"median": round(self.median, 2), "runs": [round(second, 2) for second in self.seconds]}


def side_by_side(
    commands: Mapping[str, Callable[[], Sequence[str]]], runs: int, before: Callable[[], None]
) -> dict[str, Times]:
    """Run each command in turn `runs` times after one uncounted round; `before` clears away what a run left."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            before()
            started = time.perf_counter()
            subprocess.run(command(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number:
                found[name].append(time.perf_counter() - started)
    return {name: Times(tuple(seconds)) for name, seconds in found.items()}
