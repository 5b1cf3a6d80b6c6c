"""Two CSV files of 5 and 1 million rows joined: by the built-in beside DuckDB, and record by record."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import ROOT, WORKERS, peer, spark
from bench.harness.processes import bare_interpreter
from bench.harness.ways import Way, in_turn

ORDERS, USERS = 5_000_000, 1_000_000
MEMORY = "1GiB"  # of the row that is about it


def by_columns(scale: float) -> dict[str, Any]:
    """`fanfold run join`, with memory as there is and with a budget, and DuckDB."""
    source = inputs.warm(inputs.tables(round(ORDERS * scale), round(USERS * scale)))
    ways = {
        "fanfold": Way(_built_in(source), watch_memory=True),
        "budget": Way(_built_in(source, "--memory", MEMORY), watch_memory=True),
        "duckdb": peer("join_duckdb.py", source, runs=3, watch_memory=True),
    }
    found = in_turn(ways, answers.lines)
    return {"bytes": _size(source), "interpreter_mb": bare_interpreter() / 1e6, "ways": found}


def by_records(scale: float) -> dict[str, Any]:
    """A job of two mappers and a reducer, Dask's bags and Spark's RDDs."""
    source = inputs.warm(inputs.tables(round(ORDERS * scale), round(USERS * scale)))
    named = ["--input", f"users={source / 'users.csv'}", "--input", f"orders={source / 'orders.csv'}"]
    ways = {
        "fanfold": Way(_run(str(ROOT / "bench/jobs/orders_of_users.py"), *named), watch_memory=True),
        "dask": peer("join_dask.py", source, watch_memory=True),
        **spark("join_spark.py", source),
    }
    return {"bytes": _size(source), "ways": in_turn(ways, answers.lines)}


def _built_in(source: Path, *options: str) -> Callable[[Path], Sequence[str]]:
    named = ["--input", f"left={source / 'orders.csv'}", "--input", f"right={source / 'users.csv'}"]
    return _run("join", *named, "--param", "on=user", *options)


def _run(job: str, *options: str) -> Callable[[Path], Sequence[str]]:
    start = [sys.executable, "-m", "fanfold_client", "run", job]
    return lambda target: [*start, *options, "--output", str(target), "--workers", str(WORKERS), "--quiet"]


def _size(source: Path) -> int:
    return sum(file.stat().st_size for file in source.iterdir())
