"""Lines sorted, total order: with memory as there is, and in 256 MiB, beside GNU sort; Polars and DuckDB for scale."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import BUDGET, WORKERS, fanfold, peer
from bench.harness.processes import bare_interpreter
from bench.harness.ways import Way, in_turn

SIZE = 500_000_000
BYTEWISE = {"LC_ALL": "C"}


def gnu_sort(source: Path, *options: str) -> Callable[[Path], Sequence[str]]:
    """`sort` by two threads, its temporary files where its output goes."""

    def command(target: Path) -> Sequence[str]:
        where = ["-T", str(target.parent), "-o", str(target)]
        return ["sort", f"--parallel={WORKERS}", *options, *where, str(source)]

    return command


def with_memory(scale: float) -> dict[str, Any]:
    """Memory as there is."""
    source = inputs.warm(inputs.records(round(SIZE * scale)))
    ways = {
        "fanfold": Way(fanfold("sort", source), watch_memory=True),
        "sort": Way(gnu_sort(source), environ=BYTEWISE, watch_memory=True),
        "polars": peer("sort_polars.py", source, runs=2, watch_memory=True),
        "duckdb": peer("sort_duckdb.py", source, runs=2, watch_memory=True),
    }
    return {"bytes": round(SIZE * scale), "ways": in_turn(ways, answers.ordered)}


def in_budget(scale: float) -> dict[str, Any]:
    """In 256 MiB."""
    source = inputs.warm(inputs.records(round(SIZE * scale)))
    ways = {
        "fanfold": Way(fanfold("sort", source, "--memory", BUDGET), watch_memory=True),
        "sort": Way(gnu_sort(source, "-S", "256M"), environ=BYTEWISE, watch_memory=True),
    }
    found = in_turn(ways, answers.ordered)
    return {"bytes": round(SIZE * scale), "interpreter_mb": bare_interpreter() / 1e6, "ways": found}
