"""Values grouped by their keys, in frames: of lines of JSON, beside DuckDB and Polars."""

from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import fanfold, peer
from bench.harness.ways import Way, in_turn

EVENTS = 600_000_000


def of_json(scale: float) -> dict[str, Any]:
    """The sum of amounts and the number of events of each city and kind."""
    source = inputs.warm(inputs.events(round(EVENTS * scale)))
    ways = {
        "batch": Way(fanfold("bench/jobs/amounts_of_events.py", source), watch_memory=True),
        "polars": peer("events_polars.py", source, runs=3, watch_memory=True),
        "duckdb": peer("events_duckdb.py", source, runs=3, watch_memory=True),
    }
    return {"bytes": round(EVENTS * scale), "ways": in_turn(ways, answers.lines)}
