"""How time and memory grow with the input, and with the number of splits that one input is cut into."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.harness import inputs
from bench.harness.commands import fanfold
from bench.harness.ways import Way, figures, scratch

SMALLEST = 64_000_000
TIMES = (1, 4, 16)
SPLITS = (10, 100, 1_000)
CUT = 256_000_000  # what is cut into so many splits
RUNS = 2
Start = Callable[..., Callable[[Path], Sequence[str]]]
"""What starts a job over a source, with options."""


def words(scale: float) -> dict[str, Any]:
    """Of word count by the record API."""
    return _growth(inputs.text, partial(fanfold, "examples/wordcount.py"), scale)


def sort(scale: float) -> dict[str, Any]:
    """Of sorting lines, in 64 MiB: with memory as there is, it takes what helps."""
    return _growth(inputs.records, lambda *given: fanfold("sort", *given, "--memory", "64MiB"), scale)


def _growth(make: Callable[[int], Path], start: Start, scale: float) -> dict[str, Any]:
    smallest, cut = round(SMALLEST * scale), round(CUT * scale)
    return {
        "sizes": [_measured(make(smallest * times), start, smallest * times) for times in TIMES],
        "splits": [_measured(make(cut), start, cut, splits) for splits in SPLITS],
    }


def _measured(source: Path, start: Start, size: int, splits: int | None = None) -> dict[str, Any]:
    options = ["--split-size", str(max(1024, size // splits))] if splits else []
    way = Way(start(inputs.warm(source), *options), RUNS, watch_memory=True)
    runs = []
    for _ in range(RUNS):
        with scratch() as folder:
            runs.append(way.run(folder / "out"))
    return {"bytes": size, **({"splits": splits} if splits else {}), **figures(runs)}
