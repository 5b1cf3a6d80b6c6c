"""Ways to do the same work, measured in turn, so that a drifting machine hits all of them; their answers must agree."""

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bench.harness import inputs
from bench.harness.processes import Run, run

UNLIKE_HOME = {"PYTHONDONTWRITEBYTECODE"}  # where it is set, every start compiles all modules anew
Answer = Callable[[Path], str]


class Meanwhile(Protocol):
    """Something done to a command while it runs: it gets its process id and the place that it writes to."""

    def __call__(self, pid: int, *, target: Path) -> None: ...


class Disagreement(Exception):
    """Two ways gave different answers: one of them doesn't do the work that is measured."""


@dataclass(frozen=True, slots=True)
class Way:
    """A command that writes what it finds to the place it is given (a file or a folder), and how often it is run."""

    command: Callable[[Path], Sequence[str]]
    runs: int = 3
    environ: dict[str, str] = field(default_factory=dict)
    watch_memory: bool = False
    meanwhile: Meanwhile | None = None

    def run(self, target: Path) -> Run:
        """Run it once."""
        meanwhile = partial(self.meanwhile, target=target) if self.meanwhile else None
        environ = {name: value for name, value in os.environ.items() if name not in UNLIKE_HOME} | self.environ
        return run(self.command(target), environ, watch_memory=self.watch_memory, meanwhile=meanwhile)


def in_turn(ways: Mapping[str, Way], answer: Answer | None = None) -> dict[str, Any]:
    """Run each way as often as it asks for, one after the other, round by round; the figures as JSON.

    Raises:
        Disagreement: the answers differ.
    """
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    answers: dict[str, str] = {}
    for number in range(max(way.runs for way in ways.values())):
        for name, way in ways.items():
            if number >= way.runs:
                continue
            with scratch() as folder:
                runs[name].append(way.run(folder / "out"))
                if answer and name not in answers:
                    answers[name] = answer(folder / "out")
            print(f"  {name}: {runs[name][-1].seconds:.2f} s", file=sys.stderr)
    if len(set(answers.values())) > 1:
        raise Disagreement(f"the ways give different answers: {answers}")
    return {name: figures(found) for name, found in runs.items()}


def figures(runs: Sequence[Run]) -> dict[str, Any]:
    """Median and runs in seconds, the highest peak in MB; as the results keep them."""
    found: dict[str, Any] = {
        "median": round(statistics.median(run.seconds for run in runs), 3),
        "runs": [round(run.seconds, 3) for run in runs],
    }
    highest = max(runs, key=lambda run: run.peak)
    return found | ({"peak_mb": round(highest.peak / 1e6), "processes": highest.processes} if highest.peak else {})


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what is written, on the disk that the inputs lie on."""
    inputs.CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=inputs.CACHE))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
