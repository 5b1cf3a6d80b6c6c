"""Word count: by the record API beside a bare script, Dask, Spark and mrjob; built in beside Polars and DuckDB."""

from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import bare, fanfold, peer, spark
from bench.harness.ways import Way, in_turn

SIZE = 200_000_000


def by_record(scale: float) -> dict[str, Any]:
    """The generator that one writes oneself, with `Sum()`, which combines."""
    source = inputs.warm(inputs.text(round(SIZE * scale)))
    ways = {
        "fanfold": Way(fanfold("examples/wordcount.py", source), watch_memory=True),
        "bare": Way(bare("words_bare.py", source), watch_memory=True),
        "dask": peer("words_dask.py", source, watch_memory=True),
        **spark("words_spark.py", source),
        "mrjob": peer("words_mrjob.py", source, watch_memory=True),
    }
    return {"bytes": round(SIZE * scale), "ways": in_turn(ways, answers.lines)}


def by_column(scale: float) -> dict[str, Any]:
    """A job of batches and the built-in one, beside those that hold columns."""
    source = inputs.warm(inputs.text(round(SIZE * scale)))
    ways = {
        "batch": Way(fanfold("bench/jobs/words_batch.py", source), watch_memory=True),
        "built-in": Way(fanfold("wordcount", source), watch_memory=True),
        "polars": peer("words_polars.py", source, runs=3, watch_memory=True),
        "duckdb": peer("words_duckdb.py", source, runs=3, watch_memory=True),
    }
    return {"bytes": round(SIZE * scale), "ways": in_turn(ways, answers.lines)}
