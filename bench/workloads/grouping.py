"""Values grouped by their keys, in frames: of lines of JSON, of Parquet; and more keys than memory holds."""

from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import BUDGET, fanfold, peer
from bench.harness.processes import bare_interpreter
from bench.harness.ways import Way, in_turn

EVENTS = 600_000_000
LINES = 12_000_000
ROWS = 20_000_000


def of_json(scale: float) -> dict[str, Any]:
    """The sum of amounts and the number of events of each city and kind."""
    source = inputs.warm(inputs.events(round(EVENTS * scale)))
    ways = {
        "batch": Way(fanfold("bench/jobs/amounts_of_events.py", source), watch_memory=True),
        "polars": peer("events_polars.py", source, runs=3, watch_memory=True),
        "duckdb": peer("events_duckdb.py", source, runs=3, watch_memory=True),
    }
    return {"bytes": round(EVENTS * scale), "ways": in_turn(ways, answers.lines)}


def of_parquet(scale: float) -> dict[str, Any]:
    """The sum of amounts and the number of rows of each of a million users, from Parquet to Parquet."""
    source = inputs.warm(inputs.rows(round(ROWS * scale)))
    ways = {
        "batch": Way(fanfold("bench/jobs/amounts_of_rows.py", source), watch_memory=True),
        "polars": peer("rows_polars.py", source, runs=3, watch_memory=True),
    }
    return {"bytes": source.stat().st_size, "ways": in_turn(ways, answers.rows)}


def in_budget(scale: float) -> dict[str, Any]:
    """How often each of six million lines occurs, in 256 MiB."""
    source = inputs.warm(inputs.keys(round(LINES * scale)))
    ways = {
        "batch": Way(fanfold("bench/jobs/lines_counted.py", source, "--memory", BUDGET), watch_memory=True),
        "duckdb": peer("lines_duckdb.py", source, runs=3, watch_memory=True),
    }
    found = in_turn(ways, answers.lines)
    return {"bytes": source.stat().st_size, "interpreter_mb": bare_interpreter() / 1e6, "ways": found}
